#include "common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"

namespace tpsweep {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    SetLogSink([this](LogLevel level, absl::string_view line) {
      MutexLock lock(mu_);
      lines_.emplace_back(level, std::string(line));
    });
  }
  ~LogTest() override {
    SetLogSink({});
    SetLogLevel(LogLevel::kInfo);
  }

  std::vector<std::pair<LogLevel, std::string>> Lines() {
    MutexLock lock(mu_);
    return lines_;
  }

 private:
  Mutex mu_;
  std::vector<std::pair<LogLevel, std::string>> lines_ ABSL_GUARDED_BY(mu_);
};

TEST_F(LogTest, WritesOneLineAnEvent) {
  Log(LogLevel::kInfo, "lease.expired", {{"attempt", "studies/s"}, {"epoch", 3}, {"rate", 0.5}});
  EXPECT_THAT(Lines(), ElementsAre(Pair(LogLevel::kInfo,
                                        "lease.expired attempt=studies/s epoch=3 rate=0.5")));
}

TEST_F(LogTest, QuotesWhatWouldNotReadBack) {
  Log(LogLevel::kWarning, "odd",
      {{"empty", ""}, {"space", "a b"}, {"quote", "a\"b\\"}, {"line", "a\nb"}});
  EXPECT_THAT(Lines(),
              ElementsAre(Pair(LogLevel::kWarning,
                               "odd empty=\"\" space=\"a b\" quote=\"a\\\"b\\\\\" line=\"a b\"")));
}

TEST_F(LogTest, BelowTheLevelNothingIsWritten) {
  Log(LogLevel::kDebug, "quiet");
  EXPECT_THAT(Lines(), IsEmpty());
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "heard");
  SetLogLevel(LogLevel::kError);
  Log(LogLevel::kWarning, "quiet");
  EXPECT_THAT(Lines(), ElementsAre(Pair(LogLevel::kDebug, "heard")));
}

TEST_F(LogTest, MayBeCalledFromManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int k = 0; k < 100; ++k) Log(LogLevel::kInfo, "tick", {{"k", k}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Lines().size(), 400u);
}

}  // namespace
}  // namespace tpsweep
