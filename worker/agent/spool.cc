#include "worker/agent/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/file.h"
#include "common/log.h"
#include "common/names.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "worker/agent/records.h"

namespace tpsweep::agent {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kReadBytes = 1 << 20;

std::string AsRecord(const google::protobuf::MessageLite& message) {
  std::string record;
  AppendRecord(message.SerializeAsString(), record);
  return record;
}

bool Parse(absl::string_view content, google::protobuf::MessageLite& message) {
  return message.ParseFromArray(content.data(), static_cast<int>(content.size()));
}

// The message that a file begins with, and what follows it. Nothing: it is not there, or
// damaged.
template <class Message>
struct Beginning {
  Message message;
  std::string rest;
};
template <class Message>
std::optional<Beginning<Message>> ReadBeginning(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return std::nullopt;
  const std::optional<absl::string_view> record = FirstRecord(*bytes);
  Beginning<Message> beginning;
  if (!record || !Parse(*record, beginning.message)) return std::nullopt;
  bytes->erase(0, kRecordHeader + record->size());
  beginning.rest = *std::move(bytes);
  return beginning;
}

void RemoveFolder(const std::string& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    Log(LogLevel::kWarning, "spool.not_removed", {{"folder", folder}, {"why", error.message()}});
  }
}

}  // namespace

bool SpoolBudget::Take(int64_t bytes) {
  if (left_.fetch_sub(bytes) >= bytes || bytes <= 0) return true;
  left_ += bytes;
  return false;
}

// --- one attempt ------------------------------------------------------------

AttemptSpool::AttemptSpool(std::string folder, v1::Lease lease, SpoolBudget& budget)
    : folder_(std::move(folder)), lease_(std::move(lease)), budget_(budget) {}

std::string AttemptSpool::File(absl::string_view name) const {
  return absl::StrCat(folder_, "/", name);
}

bool AttemptSpool::Note(const absl::Status& status) {
  if (!status.ok() && !is_in_trouble_) {
    Log(LogLevel::kWarning, absl::IsResourceExhausted(status) ? "spool.full" : "spool.not_written",
        {{"attempt", lease_.attempt()}, {"why", status.message()}});
  } else if (status.ok() && is_in_trouble_) {
    Log(LogLevel::kInfo, "spool.recovered", {{"attempt", lease_.attempt()}});
  }
  is_in_trouble_ = !status.ok();
  return status.ok();
}

absl::Status AttemptSpool::TryToBegin() {
  if (has_begun_) return absl::OkStatus();
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return absl::UnavailableError(absl::StrCat(folder_, ": ", error.message()));
  TP_RETURN_IF_ERROR(WriteFileFrom(File("lease"), 0, AsRecord(lease_)));
  has_begun_ = true;
  return absl::OkStatus();
}

bool AttemptSpool::Begin() { return Note(TryToBegin()); }

absl::Status AttemptSpool::TryToAppend(absl::Span<const v1::Measurement> measurements) {
  TP_RETURN_IF_ERROR(TryToBegin());
  std::string records;
  for (const v1::Measurement& measurement : measurements) {
    AppendRecord(measurement.SerializeAsString(), records);
  }
  const int64_t size = static_cast<int64_t>(records.size());
  if (!budget_.Take(size)) {
    return absl::ResourceExhaustedError("the spool may not be larger (--spool-bytes)");
  }
  const absl::Status written = WriteFileFrom(File("measurements"), measurement_bytes_, records);
  if (written.ok()) {
    measurement_bytes_ += size;
  } else {
    budget_.Give(size);
  }
  return written;
}

bool AttemptSpool::Append(absl::Span<const v1::Measurement> measurements) {
  return measurements.empty() || Note(TryToAppend(measurements));
}

void AttemptSpool::Clear() {
  budget_.Give(std::exchange(measurement_bytes_, 0));
  Note(WriteFileFrom(File("measurements"), 0, ""));
}

absl::Status AttemptSpool::TryToSave(const v1::Lease& lease, absl::string_view checkpoint) {
  TP_RETURN_IF_ERROR(TryToBegin());
  if (measurement_bytes_ > 0) TP_RETURN_IF_ERROR(SyncFile(File("measurements")));
  const std::string head = AsRecord(lease);
  const int64_t size = static_cast<int64_t>(head.size() + checkpoint.size());
  if (!budget_.Take(size - checkpoint_bytes_)) {
    return absl::ResourceExhaustedError("a checkpoint does not fit into it (--spool-bytes)");
  }
  const absl::Status written = [&]() -> absl::Status {
    TP_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(File("checkpoint")));
    TP_RETURN_IF_ERROR(file.Append(head));
    TP_RETURN_IF_ERROR(file.Append(checkpoint));
    return file.Commit();
  }();
  if (!written.ok()) {
    budget_.Give(size - checkpoint_bytes_);
    return written;
  }
  checkpoint_bytes_ = size;
  if (std::exchange(has_been_taken_up_, false)) unlink(File("taken_up").c_str());
  return absl::OkStatus();
}

bool AttemptSpool::Save(const v1::Lease& lease, absl::string_view checkpoint) {
  return Note(TryToSave(lease, checkpoint));
}

bool AttemptSpool::Complete(const v1::Completion& completion) {
  absl::Status status = TryToBegin();
  if (status.ok()) status = WriteFileFrom(File("completion"), 0, AsRecord(completion));
  return Note(status);
}

void AttemptSpool::Remove() {
  budget_.Give(std::exchange(measurement_bytes_, 0) + std::exchange(checkpoint_bytes_, 0));
  if (std::exchange(has_begun_, false)) RemoveFolder(folder_);
}

absl::StatusOr<AttemptSpool::Part> AttemptSpool::Read(int64_t offset, int64_t last,
                                                      int64_t bytes) const {
  Part part;
  part.end = offset;
  int64_t size = std::max(bytes, static_cast<int64_t>(kRecordHeader));
  while (part.measurements.empty()) {
    TP_ASSIGN_OR_RETURN(const std::string read, ReadFileRange(File("measurements"), offset, size));
    absl::string_view rest = read;
    while (const std::optional<absl::string_view> record = FirstRecord(rest)) {
      v1::Measurement measurement;
      if (!Parse(*record, measurement)) break;
      if (measurement.sequence() > last) break;
      rest.remove_prefix(kRecordHeader + record->size());
      part.end = offset + static_cast<int64_t>(read.size() - rest.size());
      part.measurements.push_back(std::move(measurement));
      if (part.measurements.back().sequence() == last) return part;
    }
    // The first may be larger than what was read.
    const bool is_cut = part.measurements.empty() && rest.size() >= kRecordHeader &&
                        static_cast<int64_t>(read.size()) == size && PromisedBytes(rest) > size;
    if (is_cut) {
      size = PromisedBytes(rest);
    } else if (part.measurements.empty()) {
      return absl::DataLossError(
          absl::StrCat(File("measurements"), ": no whole record at byte ", offset));
    }
  }
  return part;
}

// --- all of a worker --------------------------------------------------------

Spool::Spool(std::string folder, int lock, int64_t max_bytes)
    : folder_(std::move(folder)), lock_(lock), budget_(max_bytes) {}

Spool::~Spool() { close(lock_); }

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(const std::string& folder, const v1::Hello& self,
                                                   int64_t max_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  const std::string path = folder + "/lock";
  const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    close(lock);
    if (why != EWOULDBLOCK) {
      return absl::UnavailableError(absl::StrCat(path, ": cannot lock: ", std::strerror(why)));
    }
    return absl::AlreadyExistsError(absl::StrCat(folder, " is in use by another process"));
  }
  std::unique_ptr<Spool> spool(new Spool(folder, lock, max_bytes));
  TP_RETURN_IF_ERROR(spool->Load(self));
  return spool;
}

absl::Status Spool::Load(const v1::Hello& self) {
  const std::string path = folder_ + "/identity";
  const auto identity = ReadBeginning<v1::Hello>(path);
  std::error_code error;
  std::vector<std::string> folders;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    if (it->is_directory()) folders.push_back(it->path().string());
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder_, ": ", error.message()));
  for (const std::string& folder : folders) {
    std::optional<SpooledAttempt> attempt;
    if (identity) attempt = Load(folder);
    if (attempt) {
      found_.push_back(*std::move(attempt));
    } else {
      Log(LogLevel::kWarning, "spool.damaged", {{"folder", folder}});
      RemoveFolder(folder);
    }
  }
  if (found_.empty()) {
    self_.set_worker_id(self.worker_id());
    self_.set_incarnation(self.incarnation());
    return WriteFileFrom(path, 0, AsRecord(self_));
  }
  self_ = identity->message;
  return absl::OkStatus();
}

std::optional<SpooledAttempt> Spool::Load(const std::string& folder) {
  auto lease = ReadBeginning<v1::Lease>(folder + "/lease");
  if (!lease || !ParseAttemptName(lease->message.attempt()).ok()) return std::nullopt;
  SpooledAttempt found;
  found.lease = std::move(lease->message);
  const std::string attempt = found.lease.attempt();
  auto spool = std::make_unique<AttemptSpool>(folder, found.lease, budget_);
  spool->has_begun_ = true;

  // Scratch files of a checkpoint that was being written.
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (absl::EndsWith(it->path().string(), ".tmp")) unlink(it->path().c_str());
  }
  if (auto saved = ReadBeginning<v1::Lease>(spool->File("checkpoint"));
      saved && saved->message.attempt() == attempt && saved->message.has_checkpoint() &&
      Sha256Hex(saved->rest) == saved->message.checkpoint().sha256()) {
    found.lease = std::move(saved->message);
    found.checkpoint = std::make_shared<const std::string>(std::move(saved->rest));
    spool->checkpoint_bytes_ = static_cast<int64_t>(found.checkpoint->size());
  }
  if (auto completion = ReadBeginning<v1::Completion>(spool->File("completion"));
      completion && completion->message.attempt() == attempt) {
    found.completion = std::move(completion->message);
  }

  // What came after the checkpoint is trained again.
  const int64_t last = found.completion   ? found.completion->last_sequence()
                       : found.checkpoint ? found.lease.checkpoint().sequence()
                                          : 0;
  found.acknowledged_to = found.measured_to = last;
  int64_t first = 0, sequence = 0, offset = 0;
  while (sequence < last) {
    const absl::StatusOr<AttemptSpool::Part> part = spool->Read(offset, last, kReadBytes);
    if (!part.ok() || part->measurements.empty()) break;
    for (const v1::Measurement& measurement : part->measurements) {
      // What is not there was acknowledged before it could be written, and so was all before.
      if (first == 0 || measurement.sequence() != sequence + 1) first = measurement.sequence();
      sequence = measurement.sequence();
    }
    offset = part->end;
  }
  if (sequence == last && last > 0) {
    found.acknowledged_to = first - 1;
    spool->measurement_bytes_ = offset;
  }
  budget_.Give(-spool->checkpoint_bytes_ - spool->measurement_bytes_);  // they are there

  if (!found.completion) {
    const std::string marks = ReadFile(spool->File("taken_up")).value_or("") + "+";
    found.times_taken_up = static_cast<int64_t>(marks.size());
    spool->has_been_taken_up_ = true;
    spool->Note(WriteFileFrom(spool->File("taken_up"), 0, marks));
  }
  found.spool = std::move(spool);
  return found;
}

std::unique_ptr<AttemptSpool> Spool::Make(const v1::Lease& lease) {
  const std::string name = absl::StrReplaceAll(lease.attempt(), {{"/", "."}});
  return std::make_unique<AttemptSpool>(absl::StrCat(folder_, "/", name), lease, budget_);
}

}  // namespace tpsweep::agent
