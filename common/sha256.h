// SHA-256 of bytes that come in pieces or at once; digests are lower-case hexadecimal.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace tpsweep {

class Sha256 {
 public:
  Sha256();
  void Add(absl::string_view bytes);
  // Of all that was added; ends the adding.
  std::string Finish();

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

std::string Sha256Hex(absl::string_view bytes);

// Whether `text` could be a digest: 64 lower-case hexadecimal digits.
bool IsSha256(absl::string_view text);

}  // namespace tpsweep
