// IsOk, IsOkAndHolds and StatusIs for GoogleTest, with the semantics of
// absl/status/status_matchers.h, which Debian 12's Abseil does not have yet.
#pragma once

#include <gmock/gmock.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tpsweep {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <class T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

// `message`: a matcher of the error's text.
MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code) + " and a message") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         testing::ExplainMatchResult(message, std::string(StatusOf(arg).message()),
                                     result_listener);
}

MATCHER_P(IsOkAndHolds, value, "is OK and holds a value") {
  *result_listener << StatusOf(arg).ToString();
  return arg.ok() && testing::ExplainMatchResult(value, *arg, result_listener);
}

}  // namespace tpsweep

#define TP_ASSERT_OK(expr) ASSERT_THAT((expr), ::tpsweep::IsOk())
#define TP_EXPECT_OK(expr) EXPECT_THAT((expr), ::tpsweep::IsOk())
#define TP_ASSERT_OK_AND_ASSIGN(lhs, expr) \
  TP_ASSERT_OK_AND_ASSIGN_IMPL(TP_TEST_CONCAT(tp_test_or_, __LINE__), lhs, expr)
#define TP_TEST_CONCAT_INNER(a, b) a##b
#define TP_TEST_CONCAT(a, b) TP_TEST_CONCAT_INNER(a, b)
#define TP_ASSERT_OK_AND_ASSIGN_IMPL(tp_or, lhs, expr) \
  auto tp_or = (expr);                                 \
  ASSERT_THAT(tp_or, ::tpsweep::IsOk());               \
  lhs = *std::move(tp_or)
