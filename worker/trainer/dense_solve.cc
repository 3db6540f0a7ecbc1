#include "worker/trainer/dense_solve.h"

#include <algorithm>
#include <limits>

// Fortran: all by reference, column-major; the lengths of the texts come last.
extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info, size_t);
void dpotrs_(const char* uplo, const int* n, const int* nrhs, const double* a, const int* lda,
             double* b, const int* ldb, int* info, size_t);
void dpocon_(const char* uplo, const int* n, const double* a, const int* lda, const double* anorm,
             double* rcond, double* work, int* iwork, int* info, size_t);
void dgelsy_(const int* m, const int* n, const int* nrhs, double* a, const int* lda, double* b,
             const int* ldb, int* jpvt, const double* rcond, int* rank, double* work,
             const int* lwork, int* info);
void dgeev_(const char* jobvl, const char* jobvr, const int* n, double* a, const int* lda,
            double* wr, double* wi, double* vl, const int* ldvl, double* vr, const int* ldvr,
            double* work, const int* lwork, int* info, size_t, size_t);
void zgees_(const char* jobvs, const char* sort, int (*select)(const std::complex<double>*),
            const int* n, std::complex<double>* a, const int* lda, int* sdim,
            std::complex<double>* w, std::complex<double>* vs, const int* ldvs,
            std::complex<double>* work, const int* lwork, double* rwork, int* bwork, int* info,
            size_t, size_t);
}

namespace tpsweep::trainer {
namespace {

int ToInt(Index n) { return static_cast<int>(n); }

double OneNorm(const Matrix<double>& a) {
  double norm = 0;
  for (Index j = 0; j < a.cols(); ++j) norm = std::max(norm, a.col(j).cwiseAbs().sum());
  return norm;
}

}  // namespace

double CholeskyDecomposition::Factor(const Matrix<double>& a) {
  if (!a.allFinite()) return 0;
  l_ = a;
  const int n = ToInt(l_.rows());
  const double norm = OneNorm(l_);
  int info = 0;
  dpotrf_("L", &n, l_.data(), &n, &info, 1);
  if (info != 0) return 0;
  double rcond = 0;
  work_.resize(3 * static_cast<size_t>(n));
  integer_work_.resize(static_cast<size_t>(n));
  dpocon_("L", &n, l_.data(), &n, &norm, &rcond, work_.data(), integer_work_.data(), &info, 1);
  return info == 0 ? rcond : 0;
}

void CholeskyDecomposition::Solve(Matrix<double>& b) const {
  const int n = ToInt(l_.rows());
  const int nrhs = ToInt(b.cols());
  int info = 0;
  dpotrs_("L", &n, &nrhs, l_.data(), &n, b.data(), &n, &info, 1);
}

Matrix<double> LeastSquares(Matrix<double> a, const Matrix<double>& b) {
  const int m = ToInt(a.rows());
  const int n = ToInt(a.cols());
  const int nrhs = ToInt(b.cols());
  const int ldb = std::max({m, n, 1});
  if (!a.allFinite() || !b.allFinite()) {
    return Matrix<double>::Constant(n, nrhs, std::numeric_limits<double>::quiet_NaN());
  }
  Matrix<double> x = Matrix<double>::Zero(ldb, nrhs);
  x.topRows(m) = b;
  std::vector<int> columns(static_cast<size_t>(n), 0);
  const double rcond = std::numeric_limits<double>::epsilon() * ldb;
  double best = 0;
  int lwork = -1, rank = 0, info = 0;
  dgelsy_(&m, &n, &nrhs, a.data(), &m, x.data(), &ldb, columns.data(), &rcond, &rank, &best, &lwork,
          &info);
  lwork = static_cast<int>(best);
  std::vector<double> work(static_cast<size_t>(lwork));
  dgelsy_(&m, &n, &nrhs, a.data(), &m, x.data(), &ldb, columns.data(), &rcond, &rank, work.data(),
          &lwork, &info);
  return x.topRows(n);
}

std::vector<std::complex<double>> Eigenvalues(Matrix<double> a) {
  const int n = ToInt(a.rows());
  const std::vector<std::complex<double>> none = {std::numeric_limits<double>::infinity()};
  if (!a.allFinite()) return none;
  const auto count = static_cast<size_t>(n);
  std::vector<double> real(count), imaginary(count);
  double best = 0;
  int lwork = -1, info = 0;
  const int one = 1;
  dgeev_("N", "N", &n, a.data(), &n, real.data(), imaginary.data(), nullptr, &one, nullptr, &one,
         &best, &lwork, &info, 1, 1);
  lwork = static_cast<int>(best);
  std::vector<double> work(static_cast<size_t>(lwork));
  dgeev_("N", "N", &n, a.data(), &n, real.data(), imaginary.data(), nullptr, &one, nullptr, &one,
         work.data(), &lwork, &info, 1, 1);
  if (info != 0) return none;
  std::vector<std::complex<double>> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = {real[i], imaginary[i]};
  return values;
}

bool SchurDecomposition(const Matrix<double>& a, ComplexMatrix& t, ComplexMatrix& u) {
  if (!a.allFinite()) return false;
  const int n = ToInt(a.rows());
  t = a.cast<std::complex<double>>();
  u.resize(n, n);
  std::vector<std::complex<double>> values(static_cast<size_t>(n));
  std::vector<double> rwork(static_cast<size_t>(n));
  std::complex<double> best;
  int lwork = -1, sdim = 0, info = 0;
  zgees_("V", "N", nullptr, &n, t.data(), &n, &sdim, values.data(), u.data(), &n, &best, &lwork,
         rwork.data(), nullptr, &info, 1, 1);
  lwork = static_cast<int>(best.real());
  std::vector<std::complex<double>> work(static_cast<size_t>(lwork));
  zgees_("V", "N", nullptr, &n, t.data(), &n, &sdim, values.data(), u.data(), &n, work.data(),
         &lwork, rwork.data(), nullptr, &info, 1, 1);
  return info == 0;
}

}  // namespace tpsweep::trainer
