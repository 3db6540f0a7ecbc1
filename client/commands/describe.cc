#include "common/spec/describe.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands/commands.h"
#include "client/data_sets.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

constexpr absl::string_view kSystemData = "/usr/share/datasets";

Listing ToListing(absl::string_view name, const std::vector<spec::Description>& descriptions) {
  Listing listing{std::string(name),
                  {{"path", ""},
                   {"type", ""},
                   {"legal", ""},
                   {"default", ""},
                   {"symbol", ""},
                   {"unit", ""},
                   {"comment", ""}},
                  {},
                  ""};
  for (const spec::Description& field : descriptions) {
    listing.rows.push_back({TextCell(field.path), TextCell(field.type), TextCell(field.legal),
                            TextCell(field.default_value), TextCell(field.symbol),
                            TextCell(field.unit), TextCell(field.comment)});
  }
  return listing;
}

// "number (0, 10], default 0.1, σ"
std::string KindText(const spec::Description& field) {
  std::vector<std::string> words = {
      field.legal.empty() ? field.type : absl::StrCat(field.type, " in ", field.legal)};
  if (!field.default_value.empty()) words.push_back(absl::StrCat("default ", field.default_value));
  if (!field.unit.empty()) words.push_back(absl::StrCat("in ", field.unit));
  if (!field.symbol.empty()) words.push_back(absl::StrCat("symbol ", field.symbol));
  words.erase(std::remove(words.begin(), words.end(), ""), words.end());
  return absl::StrJoin(words, ", ");
}

void WriteText(const spec::Description& field, absl::string_view indent, std::ostream& out) {
  out << indent << field.path << "\n";
  if (const std::string kind = KindText(field); !kind.empty()) {
    out << indent << "    " << kind << "\n";
  }
  for (const absl::string_view line : absl::StrSplit(field.comment, '\n', absl::SkipEmpty())) {
    out << indent << "    " << line << "\n";
  }
}

void Write(const Session& session, absl::string_view name,
           const std::vector<spec::Description>& descriptions) {
  if (session.format != Format::kTable) {
    return Write(ToListing(name, descriptions), session.format, session.out);
  }
  for (size_t i = 0; i < descriptions.size(); ++i) {
    if (i > 0) session.out << "\n";
    WriteText(descriptions[i], "", session.out);
  }
}

absl::StatusOr<ExitStatus> DescribeFields(Session& session, const std::string& path) {
  TP_ASSIGN_OR_RETURN(const auto fields, spec::DescribeFields(path));
  Write(session, "fields", fields);
  return ExitStatus::kDone;
}

ExitStatus DescribeData(Session& session, std::vector<std::string> data_path) {
  if (data_path.empty()) {  // as a worker looks
    data_path = session.data_path;
    data_path.emplace_back(kSystemData);
  }
  Listing listing{"data",
                  {{"name", "DATA SET"}, {"folder", "FOLDER"}, {"comment", "FILES"}},
                  {},
                  "no data sets"};
  for (const DataSetFolder& set : FindDataSets(data_path)) {
    listing.rows.push_back(
        {TextCell(set.name),
         {set.folder.empty() ? "-" : set.folder, set.folder.empty() ? Json() : Json(set.folder)},
         TextCell(set.comment)});
  }
  Write(listing, session.format, session.out);
  session.Say(absl::StrCat("looked in: ", absl::StrJoin(data_path, ", "),
                           " (of this machine; workers look on theirs)"));
  return ExitStatus::kDone;
}

}  // namespace

void AddDescribe(CLI::App& app, Command& chosen) {
  CLI::App* sub =
      app.add_subcommand("describe", "Print what a sweep file can say; needs no server");
  sub->require_subcommand(1);

  CLI::App* rules = sub->add_subcommand("rules", "The learning rules");
  rules->callback([&chosen] {
    chosen = [](Session& session) {
      Write(session, "rules", spec::DescribeRules());
      return ExitStatus::kDone;
    };
  });
  CLI::App* samplers = sub->add_subcommand("samplers", "The ways to search a space");
  samplers->callback([&chosen] {
    chosen = [](Session& session) {
      Write(session, "samplers", spec::DescribeSamplers());
      return ExitStatus::kDone;
    };
  });

  CLI::App* data = sub->add_subcommand("data", "The data sets on this machine");
  auto dirs = std::make_shared<std::vector<std::string>>();
  data->add_option("--data", *dirs, "Folder to look in, instead of TPSWEEP_DATA; may be repeated")
      ->allow_extra_args(false);
  data->callback([&chosen, dirs] {
    chosen = [dirs](Session& session) { return DescribeData(session, *dirs); };
  });

  CLI::App* fields = sub->add_subcommand("fields", "Every field, or those below a path");
  auto path = std::make_shared<std::string>();
  fields->add_option("PATH", *path, "training.rule.dtp; nothing: all");
  fields->callback([&chosen, path] {
    chosen = [path](Session& session) { return DescribeFields(session, *path); };
  });
}

}  // namespace tpsweep::client
