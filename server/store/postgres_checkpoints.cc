#include "server/store/postgres_checkpoints.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/store/postgres_lease.h"

namespace tpsweep::server {
namespace {

constexpr size_t kNumConnections = 2;
constexpr int64_t kChunkBytes = 1 << 20;

constexpr char kNewId[] = "SELECT nextval('checkpoint_ids')";
constexpr char kPutChunk[] =
    "INSERT INTO checkpoint_chunks(checkpoint, number, bytes) VALUES($1, $2, $3)";
constexpr char kRemoveChunks[] = "DELETE FROM checkpoint_chunks WHERE checkpoint = $1";
constexpr char kRemoveChunksOf[] =
    "DELETE FROM checkpoint_chunks WHERE checkpoint IN (SELECT id FROM checkpoints"
    " WHERE study = $1 AND trial = $2 AND replicate = $3 AND sha256 = $4)";
constexpr char kRemove[] =
    "DELETE FROM checkpoints WHERE study = $1 AND trial = $2 AND replicate = $3 AND sha256 = $4";
constexpr char kFinish[] =
    "INSERT INTO checkpoints(study, trial, replicate, sha256, id, bytes)"
    " VALUES($1, $2, $3, $4, $5, $6)";
constexpr char kCopyChunks[] =
    "INSERT INTO checkpoint_chunks(checkpoint, number, bytes) SELECT $5, k.number, k.bytes"
    " FROM checkpoints AS c JOIN checkpoint_chunks AS k ON k.checkpoint = c.id"
    " WHERE c.study = $1 AND c.trial = $2 AND c.replicate = $3 AND c.sha256 = $4";
constexpr char kCopy[] =
    "INSERT INTO checkpoints(study, trial, replicate, sha256, id, bytes)"
    " SELECT study, $5, $6, sha256, $7, bytes FROM checkpoints"
    " WHERE study = $1 AND trial = $2 AND replicate = $3 AND sha256 = $4";
constexpr char kRemoveUnfinished[] =
    "DELETE FROM checkpoint_chunks AS k"
    " WHERE NOT EXISTS (SELECT 1 FROM checkpoints AS c WHERE c.id = k.checkpoint)";
constexpr char kRead[] =
    "SELECT k.bytes FROM checkpoints AS c"
    " LEFT JOIN checkpoint_chunks AS k ON k.checkpoint = c.id AND k.number BETWEEN $5 AND $6"
    " WHERE c.study = $1 AND c.trial = $2 AND c.replicate = $3 AND c.sha256 = $4"
    " ORDER BY k.number";
constexpr char kList[] = "SELECT study, trial, replicate, sha256, bytes FROM checkpoints";

PostgresQuery QueryOf(const char* text, const CheckpointName& name) {
  return PostgresQuery(text)
      .Bind(name.run.study)
      .Bind(name.run.trial)
      .Bind(name.run.replicate)
      .Bind(name.sha256);
}

}  // namespace

class PostgresCheckpoints::PostgresUpload final : public Upload {
 public:
  PostgresUpload(PostgresCheckpoints& store, CheckpointName name, int64_t id)
      : store_(store), name_(std::move(name)), id_(id) {}
  // What cannot be removed now is removed when a leader starts.
  ~PostgresUpload() override {
    if (is_finished_ || num_chunks_ == 0) return;
    store_.Write({PostgresQuery(kRemoveChunks).Bind(id_)}).IgnoreError();
  }

  absl::Status Append(absl::string_view bytes) override {
    size_ += static_cast<int64_t>(bytes.size());
    rest_.append(bytes.data(), bytes.size());
    while (static_cast<int64_t>(rest_.size()) >= kChunkBytes) {
      const PostgresQuery put = PutChunk(absl::string_view(rest_).substr(0, kChunkBytes));
      TP_RETURN_IF_ERROR(store_.Write({put}));
      rest_.erase(0, kChunkBytes);
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    std::vector<PostgresQuery> queries;
    if (!rest_.empty()) queries.push_back(PutChunk(rest_));
    // The same bytes under the same name may be there already.
    queries.push_back(QueryOf(kRemoveChunksOf, name_));
    queries.push_back(QueryOf(kRemove, name_));
    queries.push_back(QueryOf(kFinish, name_).Bind(id_).Bind(size_));
    TP_RETURN_IF_ERROR(store_.Write(std::move(queries)));
    is_finished_ = true;
    return absl::OkStatus();
  }

 private:
  PostgresQuery PutChunk(absl::string_view bytes) {
    return PostgresQuery(kPutChunk).Bind(id_).Bind(num_chunks_++).Bind(bytes);
  }

  PostgresCheckpoints& store_;
  const CheckpointName name_;
  const int64_t id_;
  int64_t size_ = 0;
  int64_t num_chunks_ = 0;
  std::string rest_;  // less than a chunk
  bool is_finished_ = false;
};

PostgresCheckpoints::PostgresCheckpoints(const PostgresTarget& writer, int64_t epoch)
    : epoch_(epoch),
      writers_(writer, PostgresPool::Access::kWrite, kNumConnections),
      readers_({.uri = writer.uri}, PostgresPool::Access::kRead, kNumConnections) {}

absl::StatusOr<std::unique_ptr<PostgresCheckpoints>> PostgresCheckpoints::Open(
    const PostgresTarget& writer, int64_t epoch) {
  std::unique_ptr<PostgresCheckpoints> store(new PostgresCheckpoints(writer, epoch));
  TP_RETURN_IF_ERROR(store->Write({PostgresQuery(kRemoveUnfinished)}));
  return store;
}

absl::Status PostgresCheckpoints::Write(std::vector<PostgresQuery> queries) {
  TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, writers_.Begin());
  const absl::Status held = CheckLease(*transaction, epoch_);
  // To whoever uploads, this is a medium that cannot be written here and now.
  if (absl::IsFailedPrecondition(held)) return absl::UnavailableError(held.message());
  TP_RETURN_IF_ERROR(held);
  queries.push_back(PostgresQuery("COMMIT"));
  return transaction->Run(queries).status();
}

absl::StatusOr<std::unique_ptr<CheckpointStore::Upload>> PostgresCheckpoints::Put(
    const CheckpointName& name) {
  TP_ASSIGN_OR_RETURN(const int64_t id, NewId());
  return std::make_unique<PostgresUpload>(*this, name, id);
}

absl::StatusOr<std::string> PostgresCheckpoints::Read(const CheckpointName& name, int64_t offset,
                                                      int64_t size) const {
  const int64_t first = offset / kChunkBytes;
  const int64_t last = (offset + size) / kChunkBytes;
  TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const PostgresResult chunks,
                      transaction->Run(QueryOf(kRead, name).Bind(first).Bind(last)));
  if (chunks.rows() == 0) {
    return absl::NotFoundError(absl::StrCat("there is no checkpoint ", name.sha256));
  }
  std::string bytes;
  for (int row = 0; row < chunks.rows(); ++row) absl::StrAppend(&bytes, chunks.Bytes(row, 0));
  const auto skipped = static_cast<size_t>(offset - first * kChunkBytes);
  if (skipped >= bytes.size()) return std::string();
  return bytes.substr(skipped, static_cast<size_t>(size));
}

absl::Status PostgresCheckpoints::Copy(const CheckpointName& from, const CheckpointName& to) {
  TP_RETURN_IF_ERROR(Read(from, 0, 0).status());
  TP_ASSIGN_OR_RETURN(const int64_t id, NewId());
  return Write({QueryOf(kRemoveChunksOf, to), QueryOf(kRemove, to),
                QueryOf(kCopyChunks, from).Bind(id),
                QueryOf(kCopy, from).Bind(to.run.trial).Bind(to.run.replicate).Bind(id)});
}

absl::StatusOr<int64_t> PostgresCheckpoints::NewId() {
  TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, writers_.Begin());
  TP_ASSIGN_OR_RETURN(const PostgresResult id, transaction->Run(PostgresQuery(kNewId)));
  return id.Integer(0, 0);
}

absl::Status PostgresCheckpoints::Remove(const CheckpointName& name) {
  return Write({QueryOf(kRemoveChunksOf, name), QueryOf(kRemove, name)});
}

absl::StatusOr<std::vector<StoredCheckpoint>> PostgresCheckpoints::List() const {
  TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const PostgresResult rows, transaction->Run(PostgresQuery(kList)));
  std::vector<StoredCheckpoint> stored;
  for (int row = 0; row < rows.rows(); ++row) {
    stored.push_back(
        {{{std::string(rows.Bytes(row, 0)), rows.Integer(row, 1), rows.Integer(row, 2)},
          std::string(rows.Bytes(row, 3))},
         rows.Integer(row, 4)});
  }
  std::sort(stored.begin(), stored.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return stored;
}

}  // namespace tpsweep::server
