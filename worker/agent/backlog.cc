#include "worker/agent/backlog.h"

#include <algorithm>
#include <utility>

namespace tpsweep::agent {
namespace {

int64_t SizeOf(const v1::Measurement& measurement) {
  return static_cast<int64_t>(measurement.ByteSizeLong());
}

}  // namespace

void Backlog::BeginAfter(int64_t sequence) { BeginOnDisk(sequence, sequence); }

void Backlog::BeginOnDisk(int64_t sequence, int64_t last) {
  oldest_.clear();
  newest_.clear();
  oldest_bytes_ = newest_bytes_ = 0;
  oldest_end_ = sequence;
  hole_end_ = last_ = written_ = last;
  has_file_ = last > sequence;
  read_offset_ = 0;
}

void Backlog::Add(const v1::Measurement& measurement) {
  last_ = measurement.sequence();
  if (has_hole()) {
    newest_.push_back(measurement);
    newest_bytes_ += SizeOf(measurement);
    return;
  }
  oldest_end_ = hole_end_ = last_;
  if (last_ <= acknowledged_) return;
  oldest_.push_back(measurement);
  oldest_bytes_ += SizeOf(measurement);
}

void Backlog::Acknowledge(int64_t sequence) {
  acknowledged_ = std::max(acknowledged_, sequence);
  const auto drop = [&] {
    while (!oldest_.empty() && oldest_.front().sequence() <= sequence) {
      oldest_bytes_ -= SizeOf(oldest_.front());
      oldest_.pop_front();
    }
  };
  drop();
  if (!has_hole()) return;
  if (oldest_.empty()) oldest_end_ = std::clamp(sequence, oldest_end_, hole_end_);
  CloseHole();
  drop();
}

void Backlog::CloseHole() {
  if (has_hole()) return;
  for (v1::Measurement& measurement : newest_) oldest_.push_back(std::move(measurement));
  oldest_bytes_ += std::exchange(newest_bytes_, 0);
  newest_.clear();
  oldest_end_ = hole_end_ = last_;
}

std::vector<v1::Measurement> Backlog::Unwritten() const {
  std::vector<v1::Measurement> unwritten;
  for (const auto* part : {&oldest_, &newest_}) {
    for (const v1::Measurement& measurement : *part) {
      if (measurement.sequence() > written_) unwritten.push_back(measurement);
    }
  }
  return unwritten;
}

void Backlog::Wrote(absl::Span<const v1::Measurement> measurements) {
  if (measurements.empty()) return;
  written_ = measurements.back().sequence();
  has_file_ = true;
}

void Backlog::KeepOnlyOldest(int64_t bytes) {
  newest_.clear();
  newest_bytes_ = 0;
  if (!has_hole()) {
    while (oldest_bytes_ > bytes) {
      oldest_bytes_ -= SizeOf(oldest_.back());
      oldest_end_ = oldest_.back().sequence() - 1;
      oldest_.pop_back();
    }
    read_offset_ = 0;  // these may have been read before
  }
  hole_end_ = last_;
}

bool Backlog::MayClearDisk() {
  if (!has_file_ || written_ > acknowledged_) return false;
  has_file_ = false;
  read_offset_ = 0;
  return true;
}

bool Backlog::Read(absl::Span<const v1::Measurement> measurements, int64_t end) {
  for (const v1::Measurement& measurement : measurements) {
    if (measurement.sequence() <= oldest_end_) continue;
    if (measurement.sequence() != oldest_end_ + 1) return false;
    oldest_.push_back(measurement);
    oldest_bytes_ += SizeOf(measurement);
    oldest_end_ = measurement.sequence();
  }
  read_offset_ = end;
  CloseHole();
  return true;
}

}  // namespace tpsweep::agent
