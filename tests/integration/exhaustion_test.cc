// A server whose disk fills up, whose log is damaged, or which has no descriptors left: it
// says so, nothing that was acknowledged is lost, and it recovers by itself.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class ExhaustionTest : public testing::Test {
 protected:
  void ExpectAsUndisturbed(const v1::StudySpec& spec, const std::string& study,
                           std::vector<Reading> before) {
    cluster_.WaitForEnd(study);
    EXPECT_THAT(Violations(cluster_.HistoryOf(study, std::move(before))), IsEmpty());
    EXPECT_EQ(cluster_.Numbers(study), cluster_.Undisturbed(spec));
  }
  grpc::Status Pause(const std::string& study) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::StudyRequest request;
    request.set_name(study);
    v1::Study answer;
    return cluster_.service().PauseStudy(&context, request, &answer);
  }

  static grpc::Status List(v1::SweepService::Stub& service) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::ListStudiesResponse response;
    return service.ListStudies(&context, v1::ListStudiesRequest(), &response);
  }

  Cluster cluster_;
};

// A file system of few bytes in a folder.
class SmallDisk {
 public:
  explicit SmallDisk(std::string folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    is_mounted_ = mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=16m") == 0;
  }
  ~SmallDisk() {
    if (is_mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool is_mounted() const { return is_mounted_; }
  std::string File(const std::string& name) const { return folder_ + "/" + name; }
  // To the last byte.
  void Fill() {
    std::ofstream filler(File("filler"), std::ios::binary);
    const std::string block(4096, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void MakeRoom() { unlink(File("filler").c_str()); }

 private:
  std::string folder_;
  bool is_mounted_;
};

// The server's store is on a disk that the test can fill.
class FullDiskTest : public ExhaustionTest {
 protected:
  void SetUp() override {
    if (!disk_.is_mounted()) {
      GTEST_SKIP() << "cannot mount a small file system: " << std::strerror(errno);
    }
    cluster_.StoreIn(disk_.File("store.sqlite"));
    cluster_.StartServer();
    cluster_.StartWorker("w1");
  }
  // Of about a second.
  static v1::StudySpec Spec(std::vector<double> learning_rates) {
    v1::StudySpec spec = LongStudy("full", std::move(learning_rates));
    spec.mutable_training()->set_epochs(150);
    return spec;
  }

  SmallDisk disk_{cluster_.folder() + "/disk"};
};

TEST_F(FullDiskTest, ADiskThatFillsUpDuringAStudyLosesNothing) {
  const v1::StudySpec spec = Spec({0.01, 0.02});
  const std::string study = cluster_.Create(spec).name();
  cluster_.WaitForRunning(study);
  disk_.Fill();
  ASSERT_TRUE(WaitUntil([&] {
    return cluster_.Get(study).waiting_reason().find("store cannot write") != std::string::npos;
  })) << cluster_.Get(study).waiting_reason();
  const grpc::Status refused = Pause(study);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("store cannot write"));
  const Reading before = cluster_.Read(study);

  disk_.MakeRoom();
  ExpectAsUndisturbed(spec, study, {before});
  for (const v1::Run& run : cluster_.Runs(study)) EXPECT_EQ(run.attempt(), 1) << run.name();
  EXPECT_THAT(cluster_.server().Errors(), HasSubstr("store.recovered"));
}

TEST_F(FullDiskTest, AServerThatDiesOnAFullDiskIsBackWhenThereIsRoom) {
  const v1::StudySpec spec = Spec({0.01});
  const std::string study = cluster_.Create(spec).name();
  cluster_.WaitForRunning(study);
  const Reading before = cluster_.Read(study);
  disk_.Fill();
  cluster_.server().Signal(SIGKILL);
  ASSERT_TRUE(cluster_.server().WaitForExit());
  // Whether it can start there or not, it changes nothing.
  const auto tried =
      cluster_.Start("tried", "tpsweep-server",
                     {"--listen", "127.0.0.1:0", "--port-file", cluster_.folder() + "/tried.port",
                      "--store", disk_.File("store.sqlite")});
  if (const auto status = tried->WaitForExit(absl::Seconds(2))) {
    EXPECT_EQ(*status, 1);
    EXPECT_THAT(tried->Errors(), HasSubstr("store.sqlite"));
  }
  tried->Signal(SIGKILL);
  ASSERT_TRUE(tried->WaitForExit());

  disk_.MakeRoom();
  cluster_.StartServer();
  ExpectAsUndisturbed(spec, study, {before});
}

TEST_F(ExhaustionTest, WithoutDescriptorsTheServerLivesOn) {
  const std::string port_file = cluster_.folder() + "/few.port";
  const auto server =
      cluster_.Start("few", "tpsweep-server",
                     {"--listen", "127.0.0.1:0", "--port-file", port_file, "--store",
                      cluster_.folder() + "/store.sqlite", "--lease-ttl", "5s"},
                     {"/usr/bin/prlimit", "--nofile=48"});
  ASSERT_TRUE(WaitUntil([&] { return ReadFile(port_file).ok(); })) << server->Errors();
  const std::string address(absl::StripAsciiWhitespace(*ReadFile(port_file)));
  cluster_.Use(address, address);
  cluster_.StartWorker("w1");
  v1::StudySpec spec = LongStudy("few", {0.01, 0.02, 0.03, 0.04});
  spec.mutable_checkpoints()->set_every_seconds(0.1);
  const std::string study = cluster_.Create(spec).name();
  cluster_.WaitForRunning(study);
  const Reading before = cluster_.Read(study);
  {
    // Each has a connection of its own, and holds it.
    std::vector<std::unique_ptr<v1::SweepService::Stub>> many;
    std::vector<grpc::Status> answers;
    for (int i = 0; i < 40; ++i) {
      many.push_back(cluster_.NewService());
      answers.push_back(List(*many.back()));
    }
    EXPECT_TRUE(answers.front().ok()) << answers.front().error_message();
    EXPECT_EQ(answers.back().error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(server->Errors(), HasSubstr("server.refuses_connections"));
    ASSERT_TRUE(server->is_running()) << server->Errors();
    // Who was there before is served, and so are the files.
    EXPECT_TRUE(List(cluster_.service()).ok());
    const auto reported = cluster_.Measurements(study).size();
    EXPECT_TRUE(WaitUntil([&] { return cluster_.Measurements(study).size() > reported; }));
  }
  // And who comes when they have gone.
  const auto late = cluster_.NewService();
  ASSERT_TRUE(WaitUntil([&] { return List(*late).ok(); }));
  ExpectAsUndisturbed(spec, study, {before});
}

// The bits of the log that SQLite has not moved into the file yet are the latest changes.
// What follows a flipped one is gone, as after a disk that lied; what comes of it is
// consistent, and the study is trained to its end.
TEST_F(ExhaustionTest, ADamagedLogCostsTimeAndNothingElse) {
  cluster_.StartServer();
  cluster_.StartWorker("w1");
  const v1::StudySpec spec = LongStudy("damaged", {0.01, 0.02});
  const std::string study = cluster_.Create(spec).name();
  cluster_.WaitForRunning(study, 20);
  cluster_.server().Signal(SIGKILL);
  ASSERT_TRUE(cluster_.server().WaitForExit());
  const std::string log = cluster_.folder() + "/store.sqlite-wal";
  {
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file.is_open());
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(log));
    file.seekg(size * 9 / 10);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(size * 9 / 10);
    file.put(byte);
  }
  cluster_.StartServer();
  cluster_.WaitForEnd(study);
  EXPECT_EQ(cluster_.Numbers(study), cluster_.Undisturbed(spec));
}

}  // namespace
}  // namespace tpsweep
