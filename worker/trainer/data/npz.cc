#include "worker/trainer/data/npz.h"

#include <zip.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "worker/trainer/data/byte_source.h"
#include "worker/trainer/data/npy.h"

namespace tpsweep::trainer {
namespace {

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_{};
};

using Archive = std::unique_ptr<zip_t, decltype(&zip_discard)>;

absl::StatusOr<Archive> Open(absl::string_view bytes, absl::string_view name) {
  ZipError error;
  const auto refuse = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": not a .npz file (a zip archive): ", error.text()));
  };
  zip_source_t* source =
      zip_source_buffer_create(bytes.data(), bytes.size(), /*freep=*/0, error.get());
  if (source == nullptr) return refuse();
  // From here on the archive owns the source.
  zip_t* archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, error.get());
  if (archive == nullptr) {
    zip_source_free(source);
    return refuse();
  }
  return Archive(archive, &zip_discard);
}

// One entry, unpacked. Its checksum is verified when the end is read.
class EntrySource final : public ByteSource {
 public:
  EntrySource(absl::string_view name, zip_file_t* file, uint64_t packed_size)
      : ByteSource(name), file_(file, &zip_fclose), packed_size_(packed_size) {}

  bool CouldHold(uint64_t size) const override { return size / kMaxDeflateRatio <= packed_size_; }
  uint64_t packed_size() const override { return packed_size_; }

 private:
  absl::StatusOr<size_t> ReadSome(void* out, size_t size) override {
    size_t done = 0;
    while (done < size) {
      const zip_int64_t got = zip_fread(file_.get(), static_cast<char*>(out) + done, size - done);
      if (got < 0) return ErrorAt(offset() + done, zip_file_strerror(file_.get()));
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file_;
  uint64_t packed_size_;
};

// What is in the archive, for messages.
std::string EntryNames(zip_t* archive) {
  constexpr zip_int64_t kMost = 20;
  std::vector<std::string> names;
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < std::min(count, kMost); ++i) {
    const char* entry = zip_get_name(archive, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    if (entry != nullptr) names.push_back(absl::CHexEscape(entry));
  }
  if (count > kMost) names.push_back("...");
  return names.empty() ? "nothing" : absl::StrJoin(names, ", ");
}

absl::StatusOr<Array> ReadEntry(zip_t* archive, uint64_t archive_size, absl::string_view file,
                                const std::string& entry) {
  const std::string name = absl::StrCat(file, ": ", entry);
  const auto refuse = [&](const auto&... parts) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", parts...));
  };
  const zip_int64_t index = zip_name_locate(archive, entry.c_str(), ZIP_FL_ENC_RAW);
  if (index < 0) return refuse("is not there; the archive has ", EntryNames(archive));
  zip_stat_t about;
  zip_stat_init(&about);
  if (zip_stat_index(archive, static_cast<zip_uint64_t>(index), 0, &about) != 0) {
    return refuse(zip_strerror(archive));
  }
  if (about.encryption_method != ZIP_EM_NONE) return refuse("is encrypted");
  if (about.comp_method != ZIP_CM_STORE && about.comp_method != ZIP_CM_DEFLATE) {
    return refuse("is packed by method ", about.comp_method, "; legal: 0 (stored), 8 (deflated)");
  }
  zip_file_t* opened = zip_fopen_index(archive, static_cast<zip_uint64_t>(index), 0);
  if (opened == nullptr) return refuse(zip_strerror(archive));
  EntrySource source(name, opened, std::min<uint64_t>(about.comp_size, archive_size));
  return ReadNpy(source);
}

}  // namespace

absl::StatusOr<std::map<std::string, Array>> ParseNpz(absl::string_view bytes,
                                                      absl::string_view name,
                                                      absl::Span<const std::string> names) {
  TP_ASSIGN_OR_RETURN(const Archive archive, Open(bytes, name));
  std::map<std::string, Array> arrays;
  for (const std::string& array : names) {
    TP_ASSIGN_OR_RETURN(arrays[array],
                        ReadEntry(archive.get(), bytes.size(), name, absl::StrCat(array, ".npy")));
  }
  return arrays;
}

}  // namespace tpsweep::trainer
