#include "worker/agent/crash_notes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/log.h"
#include "common/names.h"

namespace tpsweep::agent {
namespace {

namespace fs = std::filesystem;

struct Fault {
  int number;
  const char* name;
};
constexpr Fault kFaults[] = {{SIGSEGV, "SIGSEGV"},
                             {SIGABRT, "SIGABRT"},
                             {SIGBUS, "SIGBUS"},
                             {SIGFPE, "SIGFPE"},
                             {SIGILL, "SIGILL"}};
constexpr char kSuffix[] = ".crash";
constexpr int64_t kMaxNote = 1 << 16;

// What the signal handler may look at: it can call hardly anything.
std::atomic<int> note_file = -1;
std::array<std::atomic<const char*>, 1024> subjects = {};  // of all threads
thread_local const char* own_subject = nullptr;

const char* SubjectOfFault() {
  if (own_subject != nullptr) return own_subject;
  // On a helper thread: certain only if there is one subject.
  const char* only = nullptr;
  for (const std::atomic<const char*>& subject : subjects) {
    const char* one = subject.load();
    if (one == nullptr) continue;
    if (only != nullptr) return nullptr;
    only = one;
  }
  return only;
}

void Put(int fd, const char* text) {
  const size_t length = std::strlen(text);
  if (write(fd, text, length) < 0) return;  // there is nobody left to tell
}

void NoteAndDie(int signal) {
  const char* subject = SubjectOfFault();
  const int fd = note_file.load();
  if (subject != nullptr && fd >= 0) {
    const char* name = "signal";
    for (const Fault& fault : kFaults) {
      if (fault.number == signal) name = fault.name;
    }
    Put(fd, subject);
    Put(fd, " ");
    Put(fd, name);
    Put(fd, "\n");
  }
  raise(signal);  // by default, as SA_RESETHAND has it
}

// The notes of a process that is gone, which are then removed if there are none.
std::vector<v1::Crash> ReadNotes(const fs::path& path) {
  std::vector<v1::Crash> crashes;
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return crashes;
  const bool is_gone = flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (is_gone) {
    const auto text = ReadFile(path, kMaxNote);
    for (const absl::string_view line : absl::StrSplit(text.ok() ? *text : "", '\n')) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      if (words.size() != 2 || !ParseAttemptName(words[0]).ok() || words[1].empty()) continue;
      v1::Crash& crash = crashes.emplace_back();
      crash.set_attempt(words[0]);
      crash.set_what(words[1].substr(0, 64));
    }
    if (crashes.empty()) unlink(path.c_str());
  }
  close(fd);
  return crashes;
}

}  // namespace

CrashNotes::CrashNotes(const std::string& folder, const std::string& process) {
  std::error_code error;
  fs::create_directories(folder, error);
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!absl::EndsWith(it->path().string(), kSuffix)) continue;
    std::vector<v1::Crash> crashes = ReadNotes(it->path());
    if (crashes.empty()) continue;
    files_.push_back(it->path().string());
    found_.insert(found_.end(), crashes.begin(), crashes.end());
  }
  path_ = absl::StrCat(folder, "/", process, kSuffix);
  const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    Log(LogLevel::kWarning, "worker.no_crash_notes",
        {{"folder", folder}, {"why", std::strerror(errno)}});
    return;
  }
  flock(fd, LOCK_EX | LOCK_NB);
  note_file = fd;
  struct sigaction action {};
  action.sa_handler = NoteAndDie;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const Fault& fault : kFaults) sigaction(fault.number, &action, nullptr);
}

CrashNotes::~CrashNotes() {
  const int fd = note_file.exchange(-1);
  if (fd < 0) return;
  for (const Fault& fault : kFaults) signal(fault.number, SIG_DFL);
  unlink(path_.c_str());
  close(fd);
}

void CrashNotes::Forget() {
  for (const std::string& file : files_) unlink(file.c_str());
  files_.clear();
}

CrashSubject::CrashSubject(const std::string& attempt) : place_(-1) {
  own_subject = attempt.c_str();
  for (size_t i = 0; i < subjects.size(); ++i) {
    const char* free = nullptr;
    if (!subjects[i].compare_exchange_strong(free, attempt.c_str())) continue;
    place_ = static_cast<int>(i);
    return;
  }
}

CrashSubject::~CrashSubject() {
  own_subject = nullptr;
  if (place_ >= 0) subjects[static_cast<size_t>(place_)] = nullptr;
}

}  // namespace tpsweep::agent
