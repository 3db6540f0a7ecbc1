// Small data sets that can be learned, written as IDX files.
#pragma once

#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/random.h"

namespace tpsweep {

// A folder of its own, gone at the end of the test.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tpsweep-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void WriteBytes(const std::string& path, absl::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// An IDX file of unsigned bytes.
inline std::string IdxBytes(const std::vector<uint32_t>& shape, absl::string_view values) {
  std::string bytes = {'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const uint32_t size : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
  }
  bytes.append(values.data(), values.size());
  return bytes;
}

// `window_bits` chooses the frame, as in zlib.
inline std::string Compress(absl::string_view bytes, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string Gzip(absl::string_view bytes) {
  constexpr int kGzip = 16;
  return Compress(bytes, MAX_WBITS + kGzip);
}

struct SyntheticOptions {
  uint32_t train = 120;
  uint32_t test = 40;
  uint32_t side = 4;  // images are side x side
  int classes = 3;    // separable: each has a bright patch of its own
  uint64_t seed = 1;
  bool gzip = false;
};

// Writes the four files of a data set into `folder`, which is created.
inline void WriteSyntheticIdx(const std::string& folder, const SyntheticOptions& options = {}) {
  RandomStream random(options.seed);
  const auto write_half = [&](const std::string& stem, uint32_t count) {
    const uint32_t width = options.side * options.side;
    std::string images, labels;
    for (uint32_t i = 0; i < count; ++i) {
      // The first samples show every class, so that the classes can be counted.
      const uint64_t label = i < static_cast<uint32_t>(options.classes)
                                 ? i
                                 : random.NextBelow(static_cast<uint64_t>(options.classes));
      labels += static_cast<char>(label);
      for (uint32_t pixel = 0; pixel < width; ++pixel) {
        const bool bright = pixel % static_cast<uint32_t>(options.classes) == label;
        images += static_cast<char>((bright ? 150 : 0) + random.NextBelow(100));
      }
    }
    const auto write = [&](const std::string& name, const std::string& bytes) {
      WriteBytes(folder + "/" + name + (options.gzip ? ".gz" : ""),
                 options.gzip ? Gzip(bytes) : bytes);
    };
    write(stem + "-images-idx3-ubyte", IdxBytes({count, options.side, options.side}, images));
    write(stem + "-labels-idx1-ubyte", IdxBytes({count}, labels));
  };
  write_half("train", options.train);
  write_half("t10k", options.test);
}

}  // namespace tpsweep
