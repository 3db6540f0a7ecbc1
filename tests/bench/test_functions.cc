#include "tests/bench/test_functions.h"

#include <cmath>

namespace tpsweep::server {
namespace {

double Branin(absl::Span<const double> x) {
  const double b = 5.1 / (4 * M_PI * M_PI);
  const double term = x[1] - b * x[0] * x[0] + 5 / M_PI * x[0] - 6;
  return term * term + 10 * (1 - 1 / (8 * M_PI)) * std::cos(x[0]) + 10;
}

double Hartmann6(absl::Span<const double> x) {
  constexpr double kAlpha[4] = {1.0, 1.2, 3.0, 3.2};
  constexpr double kA[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                               {0.05, 10, 17, 0.1, 8, 14},
                               {3, 3.5, 1.7, 10, 17, 8},
                               {17, 8, 0.05, 10, 0.1, 14}};
  constexpr double kP[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                               {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                               {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                               {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    double exponent = 0;
    for (size_t j = 0; j < 6; ++j) {
      exponent += kA[i][j] * (x[j] - kP[i][j]) * (x[j] - kP[i][j]);
    }
    sum -= kAlpha[i] * std::exp(-exponent);
  }
  return sum;
}

double Rastrigin(absl::Span<const double> x) {
  double sum = 10 * static_cast<double>(x.size());
  for (const double value : x) sum += value * value - 10 * std::cos(2 * M_PI * value);
  return sum;
}

}  // namespace

absl::Span<const TestFunction> TestFunctions() {
  static const auto* const functions = new std::vector<TestFunction>{
      {"branin", {{-5, 10}, {0, 15}}, 0.397887, &Branin},
      {"hartmann6", std::vector<std::pair<double, double>>(6, {0, 1}), -3.32237, &Hartmann6},
      {"rastrigin8", std::vector<std::pair<double, double>>(8, {-5.12, 5.12}), 0, &Rastrigin},
  };
  return *functions;
}

}  // namespace tpsweep::server
