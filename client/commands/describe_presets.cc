#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/describe.h"
#include "client/presets.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

ExitStatus List(Session& session, const std::string& kind, absl::Span<const presets::File> files) {
  Listing listing{kind + "s", {{"name", kind}, {"comment", "what it is"}}, {}, ""};
  for (const presets::File& file : files) {
    listing.rows.push_back({TextCell(file.name), TextCell(Summary(file))});
  }
  Write(listing, session.format, session.out);
  session.Say(absl::StrCat("the whole file: tpsweep describe ", kind, "s NAME"));
  return ExitStatus::kDone;
}

ExitStatus Print(Session& session, const std::string& kind, const presets::File& file) {
  if (session.format == Format::kJson) {
    const Json document = {{"name", std::string(file.name)},
                           {"comment", Summary(file)},
                           {"yaml", std::string(file.text)}};
    WriteJson({{"version", kJsonVersion}, {kind, document}}, session.out);
  } else {
    session.out << file.text;
  }
  return ExitStatus::kDone;
}

using FindFile = absl::StatusOr<presets::File> (*)(absl::string_view);

void AddFiles(CLI::App& describe, Command& chosen, const std::string& kind,
              const std::string& about, absl::Span<const presets::File> files, FindFile find) {
  CLI::App* sub = describe.add_subcommand(kind + "s", about);
  auto name = std::make_shared<std::string>();
  sub->add_option("NAME", *name, "Print this one; nothing: list all");
  sub->callback([&chosen, kind, name, files, find] {
    chosen = [kind, name, files, find](Session& session) -> absl::StatusOr<ExitStatus> {
      if (name->empty()) return List(session, kind, files);
      TP_ASSIGN_OR_RETURN(const presets::File file, find(*name));
      return Print(session, kind, file);
    };
  });
}

}  // namespace

void AddDescribePresets(CLI::App& describe, Command& chosen) {
  AddFiles(describe, chosen, "preset", "Experiments of the papers, ready for --preset",
           presets::Presets(), &FindPreset);
  AddFiles(describe, chosen, "space", "Search spaces, ready for --space", presets::Spaces(),
           &FindSpace);
}

}  // namespace tpsweep::client
