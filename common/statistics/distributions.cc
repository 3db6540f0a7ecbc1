#include "common/statistics/distributions.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numbers>

namespace tpsweep::statistics {
namespace {

namespace policies = boost::math::policies;
// No exceptions, and doubles throughout.
using Policy = policies::policy<policies::domain_error<policies::ignore_error>,
                                policies::overflow_error<policies::ignore_error>,
                                policies::evaluation_error<policies::ignore_error>,
                                policies::promote_double<false>>;
using Student = boost::math::students_t_distribution<double, Policy>;
using Binomial = boost::math::binomial_distribution<double, Policy>;

}  // namespace

double StudentTwoSided(double t, double degrees) {
  return 2 * boost::math::cdf(boost::math::complement(Student(degrees), std::abs(t)));
}

double StudentQuantile(double probability, double degrees) {
  return boost::math::quantile(Student(degrees), probability);
}

double NormalTwoSided(double z) { return std::erfc(std::abs(z) / std::numbers::sqrt2); }

double BinomialCdf(int64_t k, int64_t trials, double probability) {
  if (k < 0) return 0;
  if (k >= trials) return 1;
  return boost::math::cdf(Binomial(static_cast<double>(trials), probability),
                          static_cast<double>(k));
}

}  // namespace tpsweep::statistics
