// Runs a fuzz target without libFuzzer: over every file of the corpus folders
// given as arguments, and over the same mutations of them each time.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "common/file.h"
#include "common/random.h"
#include "tests/fuzz/property.h"

namespace tpsweep {
namespace {

constexpr int kMutationsPerFile = 400;

void Run(const std::string& input) {
  // A copy of exactly this size, so that the address sanitizer sees each step beyond it.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

// A few random edits of `input`; `other` lends bytes to splice.
std::string Mutate(std::string input, const std::string& other, RandomStream& random) {
  constexpr char kBytes[] = {'\0', '\x01', '\x7f', '\x80', '\xff', '0', '9', '"', '{', '[', ':'};
  const uint64_t edits = 1 + random.NextBelow(4);
  for (uint64_t edit = 0; edit < edits; ++edit) {
    const size_t at = random.NextBelow(input.size() + 1);
    const size_t length = random.NextBelow(std::min<size_t>(input.size() - at, 16) + 1);
    switch (random.NextBelow(6)) {
      case 0:
        if (at < input.size())
          input[at] = static_cast<char>(input[at] ^ (1 << random.NextBelow(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = kBytes[random.NextBelow(sizeof(kBytes))];
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.erase(at, length);
        break;
      case 4:
        input.insert(at, input.substr(at, length));
        break;
      default: {
        const size_t from = random.NextBelow(other.size() + 1);
        input.replace(at, length, other.substr(from, random.NextBelow(32)));
        break;
      }
    }
  }
  return input;
}

int Main(const std::vector<std::string>& folders) {
  std::vector<std::string> corpus;
  for (const std::string& folder : folders) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry);
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      auto bytes = ReadFile(path.string());
      if (!bytes.ok()) {
        std::fprintf(stderr, "%s\n", bytes.status().ToString().c_str());
        return 1;
      }
      corpus.push_back(*std::move(bytes));
    }
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus; usage: FUZZ_TARGET FOLDER...\n");
    return 1;
  }
  Run("");
  for (size_t i = 0; i < corpus.size(); ++i) {
    Run(corpus[i]);
    RandomStream random(DeriveSeed(DeriveSeed(0, "fuzz"), i));
    for (int round = 0; round < kMutationsPerFile; ++round) {
      Run(Mutate(corpus[i], corpus[random.NextBelow(corpus.size())], random));
    }
  }
  std::printf("%zu files, %d mutations of each\n", corpus.size(), kMutationsPerFile);
  return 0;
}

}  // namespace
}  // namespace tpsweep

int main(int argc, char** argv) {
  return tpsweep::Main(std::vector<std::string>(argv + 1, argv + argc));
}
