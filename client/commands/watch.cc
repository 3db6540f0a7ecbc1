#include "client/commands/watch.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/follow.h"
#include "client/interrupt.h"
#include "client/values.h"

namespace tpsweep::client {

absl::StatusOr<ExitStatus> WatchToEnd(Session& session, Connection& connection,
                                      const v1::Study& study) {
  const std::string name = BareName(study.name());
  const Interrupt interrupt;
  Progress progress = session.MakeProgress();
  const absl::StatusOr<v1::Study> ended =
      FollowStudy(connection, study, interrupt, progress, session.clock);
  progress.Finish();
  if (ended.ok()) {
    session.Say(absl::StrCat("see: tpsweep results ", name));
    return ToExitStatus(*ended);
  }
  if (absl::IsCancelled(ended.status()) || absl::IsDeadlineExceeded(ended.status())) {
    return absl::Status(
        ended.status().code(),
        absl::StrCat(ended.status().message(), "; the study goes on: tpsweep watch ", name));
  }
  return ended.status();
}

void AddWatch(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("watch", "Show the progress of a study until it ends");
  auto study = std::make_shared<std::string>();
  sub->add_option("STUDY", *study, "Name of the study")->required();
  sub->callback([&chosen, study] {
    chosen = [study](Session& session) -> absl::StatusOr<ExitStatus> {
      auto connection = Connection::Open(session.connection, session.clock);
      if (!connection.ok()) return connection.status();
      v1::GetStudyRequest request;
      request.set_name(StudyResource(*study));
      const auto found = (*connection)->Call(&Connection::Stub::GetStudy, request);
      if (!found.ok()) return found.status();
      return WatchToEnd(session, **connection, *found);
    };
  });
}

}  // namespace tpsweep::client
