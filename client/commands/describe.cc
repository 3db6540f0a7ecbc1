#include "common/spec/describe.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands/describe.h"
#include "client/data_sets.h"
#include "common/status_macros.h"
#include "common/training/data_search_path.h"

namespace tpsweep::client {
namespace {

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

// "number in (0, 10], default 0.1, symbol σ"
std::string KindText(const spec::Description& field) {
  const bool is_interval =
      absl::StrContains(field.type, "number") &&
      (absl::StartsWith(field.legal, "(") || absl::StartsWith(field.legal, "["));
  std::vector<std::string> words = {is_interval ? absl::StrCat(field.type, " in ", field.legal)
                                                : field.type};
  if (!is_interval && !field.legal.empty()) words.push_back(field.legal);
  if (!field.default_value.empty()) words.push_back(absl::StrCat("default ", field.default_value));
  if (!field.unit.empty()) words.push_back(absl::StrCat("in ", field.unit));
  if (!field.symbol.empty()) words.push_back(absl::StrCat("symbol ", field.symbol));
  return absl::StrJoin(words, ", ");
}

void WriteIndented(absl::string_view text, std::ostream& out) {
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    out << "    " << line << "\n";
  }
}

void WriteFields(const std::vector<spec::Description>& fields, std::ostream& out) {
  for (size_t i = 0; i < fields.size(); ++i) {
    out << (i > 0 ? "\n" : "") << fields[i].path << "\n";
    WriteIndented(KindText(fields[i]), out);
    WriteIndented(fields[i].comment, out);
  }
}

// Each choice, what it is, and the fields it brings.
absl::Status WriteChoices(absl::string_view parent, const std::vector<spec::Description>& choices,
                          std::ostream& out) {
  for (size_t i = 0; i < choices.size(); ++i) {
    out << (i > 0 ? "\n" : "") << choices[i].path << "\n";
    WriteIndented(choices[i].comment, out);
    TP_ASSIGN_OR_RETURN(const auto fields,
                        spec::DescribeFields(absl::StrCat(parent, ".", choices[i].path)));
    std::vector<std::vector<std::string>> rows;
    for (size_t field = 1; field < fields.size(); ++field) {  // the first is the choice itself
      rows.push_back({fields[field].path, KindText(fields[field])});
    }
    WriteIndented(LayOut({Align::kLeft, Align::kLeft}, rows), out);
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitStatus> DescribeChoices(Session& session, absl::string_view name,
                                           absl::string_view parent,
                                           const std::vector<spec::Description>& choices) {
  if (session.format == Format::kTable) {
    TP_RETURN_IF_ERROR(WriteChoices(parent, choices, session.out));
    session.Say(absl::StrCat("\nmore: tpsweep describe fields ", parent));
  } else {
    Write(ToListing(name, choices), session.format, session.out);
  }
  return ExitStatus::kDone;
}

absl::StatusOr<ExitStatus> DescribeFields(Session& session, const std::string& path) {
  TP_ASSIGN_OR_RETURN(const auto fields, spec::DescribeFields(path));
  if (session.format == Format::kTable) {
    WriteFields(fields, session.out);
  } else {
    Write(ToListing("fields", fields), session.format, session.out);
  }
  return ExitStatus::kDone;
}

ExitStatus DescribeData(Session& session, const std::vector<std::string>& folders) {
  const std::vector<std::string> data_path = DataSearchPath(folders, session.data_folders);
  Listing listing{"data",
                  {{"name", "data set"}, {"folder", "folder"}, {"comment", "files"}},
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
      return DescribeChoices(session, "rules", "training.rule", spec::DescribeRules());
    };
  });
  CLI::App* samplers = sub->add_subcommand("samplers", "The ways to search a space");
  samplers->callback([&chosen] {
    chosen = [](Session& session) {
      return DescribeChoices(session, "samplers", "search.sampler", spec::DescribeSamplers());
    };
  });

  CLI::App* schedulers = sub->add_subcommand("schedulers", "The ways to spend epochs on trials");
  schedulers->callback([&chosen] {
    chosen = [](Session& session) {
      return DescribeChoices(session, "schedulers", "search.scheduler", spec::DescribeSchedulers());
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

  AddDescribeNetwork(*sub, chosen);
  AddDescribePresets(*sub, chosen);
}

}  // namespace tpsweep::client
