#include "client/commands/spec_flags.h"

namespace tpsweep::client {

void AddSpecFlags(CLI::App& sub, SpecSource& source) {
  CLI::App* which = sub.add_option_group("study", "What it is about");
  which->add_option("SPEC", source.path, "Sweep file (YAML)");
  which->add_option("--preset", source.preset, "A preset instead; see tpsweep describe presets")
      ->type_name("NAME");
  which->require_option(1);
  sub.add_option("--set", source.settings, "Set a field, as in training.epochs=5; may be repeated")
      ->type_name("FIELD=VALUE")
      ->allow_extra_args(false);
  sub.add_option("--space", source.space, "Search this space; see tpsweep describe spaces")
      ->type_name("NAME");
  sub.add_option("--replicates", source.replicates, "Runs of each configuration")
      ->type_name("N")
      ->check(CLI::Range(1, 100000));
}

void AddNameFlag(CLI::App& sub, SpecSource& source) {
  sub.add_option("--name", source.name, "Name of the study, instead of the file's");
}

}  // namespace tpsweep::client
