// How good the best of n trials is: the tuning curve of a method.
//
// Symbols: N values x[1] <= ... <= x[N], one a trial, smaller is better (negate them where
// larger is). A trial without a value is +infinity. F is the distribution that trials are
// drawn from, independently: true of random search; of other samplers the curve says what n
// of their trials in random order give.
//
// Pure functions.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "common/statistics/summary.h"

namespace tpsweep::statistics {

// Entry n-1 is the expectation of the smallest of n of the N values drawn without
// replacement, n = 1..N:
//
//   sum over i of x[i] C(N-i, n-1) / C(N, n),
//
// the average over all subsets, which is the unbiased (and the best unbiased) estimate of
// the expected best of n draws from F. Dodge et al., "Show your work" (EMNLP 2019), has the
// question; Tang et al., "Showing your work doesn't always work" (ACL 2020), this estimate.
// Drawing with replacement, as the former does, is biased for n near N. Infinite where a
// subset may have no finite value.
std::vector<double> ExpectedBest(absl::Span<const double> values);

// Entry n-1 covers, with probability `level` or more whatever F is, the median of the best
// of n draws, which is the quantile q = 1 - 2^(-1/n) of F: from x[l] to x[u] with
//
//   P(B < l) <= (1 - level)/2,  P(B >= u) <= (1 - level)/2,  B ~ Binomial(N, q)
//
// (intervals of quantiles from order statistics: David and Nagaraja, "Order statistics",
// section 7.1; for tuning curves: Lourie, Cho and He, "Show your work with confidence",
// NAACL 2024). No such band exists for the mean without bounds on F, which is why it is of
// the median. Infinite ends mean that N values cannot tell: below, for n > N/5 or so at 95 %.
// Each n for itself, not all at once.
std::vector<Interval> MedianBestBand(absl::Span<const double> values, double level);

}  // namespace tpsweep::statistics
