#include "worker/trainer/singular_values.h"

#include <algorithm>
#include <cstddef>
#include <limits>

// LAPACK, as Fortran sees it; the length of the character argument comes last.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" void dgesdd_(const char* job, const int* m, const int* n, double* a, const int* lda,
                        double* values, double* u, const int* ldu, double* vt, const int* ldvt,
                        double* work, const int* work_size, int* int_work, int* info,
                        size_t job_length);
// NOLINTEND(readability-identifier-naming)

namespace tpsweep::trainer {

std::vector<double> SingularValues(Matrix<double> matrix) {
  const int m = static_cast<int>(matrix.rows());
  const int n = static_cast<int>(matrix.cols());
  const auto count = static_cast<size_t>(std::min(m, n));
  std::vector<double> values(count, std::numeric_limits<double>::quiet_NaN());
  if (count == 0 || !matrix.allFinite()) return values;
  std::vector<int> int_work(8 * count);
  int info = 0;
  const auto decompose = [&](double* work, int work_size) {
    dgesdd_("N", &m, &n, matrix.data(), &m, values.data(), /*u=*/nullptr, &m, /*vt=*/nullptr, &n,
            work, &work_size, int_work.data(), &info, 1);
  };
  double room = 0;  // that it wants
  decompose(&room, -1);
  std::vector<double> work(static_cast<size_t>(room));
  decompose(work.data(), static_cast<int>(work.size()));
  // It did not converge: nothing is known.
  if (info > 0) std::fill(values.begin(), values.end(), std::numeric_limits<double>::quiet_NaN());
  return values;
}

}  // namespace tpsweep::trainer
