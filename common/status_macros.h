// TP_RETURN_IF_ERROR and TP_ASSIGN_OR_RETURN, with the semantics of
// absl/status/status_macros.h, which Debian 12's Abseil does not have yet.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define TP_RETURN_IF_ERROR(expr)                                            \
  do {                                                                      \
    if (absl::Status tp_status = (expr); !tp_status.ok()) return tp_status; \
  } while (false)

#define TP_CONCAT_INNER(a, b) a##b
#define TP_CONCAT(a, b) TP_CONCAT_INNER(a, b)

#define TP_ASSIGN_OR_RETURN(lhs, expr) \
  TP_ASSIGN_OR_RETURN_IMPL(TP_CONCAT(tp_or_, __LINE__), lhs, expr)
#define TP_ASSIGN_OR_RETURN_IMPL(tp_or, lhs, expr)   \
  auto tp_or = (expr);                               \
  if (!tp_or.ok()) return std::move(tp_or).status(); \
  lhs = *std::move(tp_or)
