#include "tests/unit/layering.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Layering, TheSourceTreeKeepsItsLayers) {
  const char* root = std::getenv("TPSWEEP_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, which sets it";
  int files = 0;
  for (const char* room : {"common", "server", "worker", "client"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::filesystem::path(root) / room)) {
      const std::string kind = entry.path().extension().string();
      if (kind != ".h" && kind != ".cc") continue;
      ++files;
      TP_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(entry.path().string()));
      const std::string path = std::filesystem::relative(entry.path(), root).string();
      EXPECT_THAT(LayeringViolations(path, text), IsEmpty());
    }
  }
  EXPECT_GT(files, 100) << "are the rooms where this test looks?";
}

std::vector<std::string> Violations(const std::string& path, const std::string& line) {
  return LayeringViolations(path, absl::StrCat("// a file\n", line, "\n"));
}

struct Row {
  const char* file;
  const char* line;
  bool legal;
};

TEST(Layering, TheRulesTellRightFromWrong) {
  const Row rows[] = {
      // Sideways and upwards.
      {"common/file.cc", "#include \"common/log.h\"", true},
      {"common/file.cc", "#include \"common/spec/text.h\"", false},
      {"common/file.cc", "#include \"tpsweep/v1/study.pb.h\"", false},
      {"common/statistics/a.cc", "#include \"common/random.h\"", true},
      {"common/statistics/a.cc", "#include \"common/log.h\"", false},
      {"common/statistics/a.cc", "#include \"tpsweep/v1/study.pb.h\"", false},
      {"common/spec/yaml.cc", "#include \"common/log.h\"", true},
      {"common/spec/yaml.cc", "#include \"tpsweep/v1/study.pb.h\"", true},
      {"common/spec/yaml.cc", "#include \"server/store/store.h\"", false},
      {"server/search/grid.cc", "#include \"common/spec/field_path.h\"", true},
      {"server/search/grid.cc", "#include \"server/search/sampler.h\"", true},
      {"server/search/grid.cc", "#include \"server/store/store.h\"", false},
      {"server/store/sqlite.cc", "#include \"server/search/sampler.h\"", false},
      {"server/store/sqlite.cc", "#include \"server/coordinator/coordinator.h\"", false},
      {"server/coordinator/a.cc", "#include \"server/store/store.h\"", true},
      {"server/coordinator/a.cc", "#include \"server/rpc/status.h\"", false},
      {"server/rpc/a.cc", "#include \"server/coordinator/coordinator.h\"", true},
      {"server/rpc/a.cc", "#include \"server/store/store.h\"", true},
      {"server/rpc/a.cc", "#include \"server/store/sqlite_store.h\"", false},
      {"server/rpc/a.cc", "#include \"server/search/sampler.h\"", false},
      {"server/main.cc", "#include \"server/store/store.h\"", true},
      {"server/main.cc", "#include \"worker/agent/agent.h\"", false},
      {"worker/trainer/a.cc", "#include \"tpsweep/v1/training.pb.h\"", true},
      {"worker/trainer/a.cc", "#include \"tpsweep/v1/study.pb.h\"", false},
      {"worker/trainer/a.cc", "#include \"common/random.h\"", true},
      {"worker/trainer/a.cc", "#include \"common/spec/validate.h\"", false},
      {"worker/trainer/a.cc", "#include \"worker/agent/agent.h\"", false},
      {"worker/agent/a.cc", "#include \"worker/trainer/run/training_run.h\"", true},
      {"worker/agent/a.cc", "#include \"worker/rpc/coordinator_client.h\"", false},
      {"worker/rpc/a.cc", "#include \"worker/trainer/tensor.h\"", false},
      {"client/a.cc", "#include \"server/search/sampler.h\"", false},
      {"client/a.cc", "#include \"client/table.h\"", true},
      {"client/a.cc", "#include \"tests/fakes/fake_clock.h\"", false},
      {"client/a.cc", "#include \"absl/strings/str_cat.h\"", true},
      // What some rooms keep to themselves.
      {"server/rpc/a.cc", "#include <grpcpp/grpcpp.h>", true},
      {"client/a.cc", "#include \"grpcpp/grpcpp.h\"", true},
      {"server/coordinator/a.cc", "#include <grpcpp/grpcpp.h>", false},
      {"server/search/a.cc", "#include \"grpcpp/grpcpp.h\"", false},
      {"worker/agent/a.cc", "#include \"tpsweep/v1/worker_service.grpc.pb.h\"", false},
      {"server/store/a.cc", "#include <sqlite3.h>", true},
      {"server/coordinator/a.cc", "#include <sqlite3.h>", false},
      {"server/store/a.cc", "#include <libpq-fe.h>", true},
      {"server/main.cc", "#include <libpq-fe.h>", false},
      {"common/statistics/distributions.cc", "#include <boost/math/distributions.hpp>", true},
      {"common/statistics/a.cc", "#include <boost/math/distributions.hpp>", false},
      {"common/mutex.h", "std::mutex mu_;", true},
      {"server/coordinator/a.cc", "std::mutex mu_;", false},
      {"worker/agent/a.cc", "absl::Mutex mu_;", false},
      {"client/a.cc", "void f(std::string_view s);", false},
      {"client/a.cc", "// unlike std::string_view", true},
      {"worker/trainer/parallel.cc", "#pragma omp parallel for", true},
      {"worker/trainer/kernels.cc", "#pragma omp parallel for", false},
      {"worker/trainer/kernels.cc", "#pragma omp simd", true},
      {"worker/agent/a.cc", "#pragma omp simd", false},
      {"worker/trainer/kernels.cc", "#include <omp.h>", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Violations(row.file, row.line).empty(), row.legal) << row.file << ": " << row.line;
  }
}

TEST(Layering, NamesThePlace) {
  EXPECT_THAT(Violations("client/a.cc", "#include \"server/store/store.h\""),
              ElementsAre("client/a.cc:2: may not include server/store/store.h"));
}

}  // namespace
}  // namespace tpsweep
