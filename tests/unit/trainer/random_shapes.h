// Networks and mini-batches of random shapes, for identities.
#pragma once

#include <vector>

#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {

struct Shape {
  std::vector<Index> sizes;
  Index batch;
};

// 1 to 4 hidden layers.
inline std::vector<Shape> RandomShapes(int count) {
  RandomStream random(2024);
  const auto draw = [&random](uint64_t low, uint64_t high) {
    return static_cast<Index>(low + random.NextBelow(high - low + 1));
  };
  std::vector<Shape> shapes;
  for (int i = 0; i < count; ++i) {
    Shape shape = {{}, draw(1, 9)};
    const Index num_hidden = draw(1, 4);
    for (Index l = 0; l <= num_hidden; ++l) shape.sizes.push_back(draw(1, 12));
    shape.sizes.push_back(draw(2, 7));
    shapes.push_back(shape);
  }
  return shapes;
}

template <class S = double>
Matrix<S> InputsOf(const Shape& shape) {
  return RandomMatrix<S>(shape.sizes.front(), shape.batch, 21);
}
template <class S = double>
Matrix<S> TargetsOf(const Shape& shape) {
  return RandomTargets<S>(shape.sizes.back(), shape.batch, 22);
}

}  // namespace tpsweep::trainer
