#include <memory>

#include "client/commands/describe.h"
#include "client/commands/spec_flags.h"
#include "client/network_view.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct NetworkFlags {
  SpecSource source;
  std::string input;
  int64_t outputs = 0;
};

absl::StatusOr<ExitStatus> DescribeNetwork(Session& session, const NetworkFlags& flags) {
  TP_ASSIGN_OR_RETURN(const v1::StudySpec spec, LoadStudy(flags.source));
  TP_ASSIGN_OR_RETURN(const NetworkView network, ViewNetwork(spec, flags.input, flags.outputs));
  WriteNetwork(network, session.format, session.out);
  return ExitStatus::kDone;
}

}  // namespace

void AddDescribeNetwork(CLI::App& describe, Command& chosen) {
  CLI::App* sub = describe.add_subcommand("network", "The layers of a sweep file's network");
  auto flags = std::make_shared<NetworkFlags>();
  AddSpecFlags(*sub, flags->source);
  sub->add_option("--input", flags->input,
                  "Shape of an input, for data sets of your own: 3x32x32, or 784")
      ->type_name("SHAPE");
  sub->add_option("--outputs", flags->outputs, "Classes or targets of the data set")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  sub->callback([&chosen, flags] {
    chosen = [flags](Session& session) { return DescribeNetwork(session, *flags); };
  });
}

}  // namespace tpsweep::client
