#include "cli/ci.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "cli/config_file.h"
#include "cli/listing.h"
#include "cli/refuse.h"
#include "cluster/session_size.h"
#include "core/atomic_file.h"
#include "export/kubernetes.h"
#include "export/pipeline.h"
#include "history/durations_file.h"
#include "select/weights.h"

namespace fittest::cli {
namespace {

constexpr Bytes kLeastBudget = MiB(64);  // that fittest pytest takes

// Where what is written goes.
struct Target {
  std::optional<std::string> file;
  bool force = false;
};

struct PipelineAsked {
  exporting::Pipeline pipeline;
  bool chunks = false;
  Target target;
};

struct KubernetesAsked {
  exporting::KubernetesJob job;
  std::optional<std::string> budget;
  std::optional<unsigned> cpus;
  std::optional<unsigned> timeout_minutes;
  std::optional<std::string> python;
  std::optional<std::string> expression;
  Target target;
};

// Whether there is a file that somebody else wrote.
bool is_foreign(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  return in && !(std::getline(in, line) && line.starts_with(exporting::kMark));
}

int deliver(const std::string& text, const Target& target) {
  if (!target.file) {
    std::cout << text << std::flush;
    return std::cout ? 0 : refuse({"cannot be written", "standard output"});
  }
  if (!target.force && is_foreign(*target.file))
    return refuse({"is there already, and was not written by fittest ci", *target.file, "--force replaces it"});
  if (const auto written = write_file(*target.file, text); !written) return refuse(written.error());
  std::cerr << "fittest: wrote " << *target.file << "\n";
  return 0;
}

// As `fittest pytest` will read it in a job, on a machine that is not known here.
Result<void> check_budget(const std::string& budget) {
  if (!budget.ends_with('%')) {
    const auto bytes = parse_bytes(budget);
    return bytes ? Result<void>() : failure(bytes.error().what, "--budget", bytes.error().remedy);
  }
  double share = 0;
  const auto [end, problem] = std::from_chars(budget.data(), budget.data() + budget.size() - 1, share);
  if (problem == std::errc() && end == budget.data() + budget.size() - 1 && share > 0 && share <= 100) return {};
  return failure("must be over 0 % and at most 100 %", "--budget", "write for example --budget 75%");
}

// Takes the chunks of the configuration where no groups were asked for.
Result<void> choose_parts(PipelineAsked& asked) {
  if (asked.pipeline.splits) return {};
  const auto config = read_config(".");
  if (!config) return tl::unexpected(config.error());
  for (const select::Chunk& chunk : config->chunks)
    asked.pipeline.chunks.push_back({chunk.name, chunk.timeout, chunk.after});
  if (asked.pipeline.chunks.empty()) {
    return failure(asked.chunks ? "the configuration has no chunks" : "into which parts?", {},
                   "--splits N for groups; or write chunks into fittest.toml, see docs/chunks.md");
  }
  if (!asked.pipeline.arguments.empty())
    return failure("chunks have arguments of their own", asked.pipeline.arguments.front(),
                   "write them into the configuration");
  return {};
}

using Writer = Result<std::string> (*)(const exporting::Pipeline&);

int write_pipeline(PipelineAsked asked, Writer writer) {
  if (asked.pipeline.budget) {
    if (const auto checked = check_budget(*asked.pipeline.budget); !checked) return refuse(checked.error());
  }
  if (const auto chosen = choose_parts(asked); !chosen) return refuse(chosen.error());
  const auto text = writer(asked.pipeline);
  return text ? deliver(*text, asked.target) : refuse(text.error());
}

// What the pods need, from the suite as it is here and what its history says.
Result<exporting::PodNeeds> needs_of(const KubernetesAsked& asked) {
  exporting::PodOptions pod{.splits = asked.job.splits, .cpus = asked.cpus};
  if (asked.budget) {
    const auto bytes = parse_bytes(*asked.budget);
    if (!bytes) return failure(bytes.error().what, "--budget", "write a size: a share of a node is not known here");
    if (*bytes < kLeastBudget)
      return failure("is too small for any suite", "--budget", "write for example --budget 2G");
    pod.budget = *bytes;
  }
  if (asked.timeout_minutes) pod.deadline = *asked.timeout_minutes * 60.0;

  const auto config = read_config(".");
  if (!config) return tl::unexpected(config.error());
  ListingOptions wanted;
  wanted.python = asked.python;
  wanted.arguments = asked.job.arguments;
  if (asked.expression) {
    auto expression = select::Expression::parse(*asked.expression, "-E");
    if (!expression) return tl::unexpected(expression.error());
    wanted.expression = std::move(*expression);
  }
  const auto listing = list_suite(wanted, *config);
  if (!listing) return tl::unexpected(listing.error());
  for (const std::string& notice : listing->notices) std::cerr << "fittest: " << notice << "\n";
  auto durations = history::read_durations(".test_durations");
  if (!durations) return tl::unexpected(durations.error());

  auto needs = exporting::pod_needs(listing->predictions, cluster::last_session_size(".fittest"), pod);
  // As each pod will split.
  const select::SplitOptions options{.splits = pod.splits, .budget = needs.budget, .workers = needs.cpus};
  const auto weights =
      select::weights(listing->tests, listing->facts, listing->predictions, {std::move(*durations)}, options);
  exporting::set_deadline(needs, listing->predictions, select::split(listing->tests, weights.of, options).groups, pod);
  return needs;
}

int write_kubernetes(KubernetesAsked asked) {
  auto needs = needs_of(asked);
  if (!needs) return refuse(needs.error());
  asked.job.needs = std::move(*needs);
  if (asked.expression) asked.job.arguments.insert(asked.job.arguments.begin(), {"-E", *asked.expression});
  const auto text = exporting::kubernetes_job(asked.job);
  return text ? deliver(*text, asked.target) : refuse(text.error());
}

void add_target(CLI::App& verb, Target& target) {
  verb.add_option("--out", target.file, "Write this file; default: print")->type_name("FILE");
  verb.add_flag("--force", target.force, "Replace a file that somebody else wrote");
}

void add_pipeline(CLI::App& ci, const std::string& service, const std::string& what, Writer writer,
                  const std::vector<std::string>& command, std::optional<int>& code) {
  auto asked = std::make_shared<PipelineAsked>();
  exporting::Pipeline& pipeline = asked->pipeline;
  pipeline.command = command;
  CLI::App* verb = ci.add_subcommand(service, what);
  CLI::Option* splits = verb->add_option("--splits", pipeline.splits, "A job for each of N groups")->type_name("N");
  verb->add_flag("--chunks", asked->chunks, "A job for each chunk of the configuration; the default where it has some")
      ->excludes(splits);
  verb->add_option("--python-versions", pipeline.python_versions, "The whole suite with each: 3.9,3.12")
      ->delimiter(',')
      ->type_name("VERSIONS");
  verb->add_option("--timeout", pipeline.timeout_minutes, "Of a job whose chunk has none; default: 60")
      ->type_name("MINUTES");
  verb->add_option("--budget", pipeline.budget, "Memory for each part: 4G, 75%; default: what its job has free")
      ->type_name("SIZE");
  verb->add_option("--image", pipeline.image, "Container; {python} stands for the version; default: python:3-bookworm")
      ->type_name("IMAGE");
  verb->add_option("--setup", pipeline.setup, "Commands that give python3 what the suite needs; may be repeated")
      ->type_name("COMMANDS")
      ->allow_extra_args(false);
  verb->add_option("--install", pipeline.install, "Commands that make `fittest` one; default: built from source")
      ->type_name("COMMANDS")
      ->allow_extra_args(false);
  add_target(*verb, asked->target);
  verb->add_option("arguments", pipeline.arguments, "pytest's, behind --")->type_name("ARGUMENTS");
  verb->callback([asked, writer, &code] { code = write_pipeline(std::move(*asked), writer); });
}

void add_kubernetes(CLI::App& ci, const std::vector<std::string>& command, std::optional<int>& code) {
  auto asked = std::make_shared<KubernetesAsked>();
  exporting::KubernetesJob& job = asked->job;
  job.command = command;
  CLI::App* verb =
      ci.add_subcommand("kubernetes", "An Indexed Job of Kubernetes, with requests and limits from the history");
  verb->add_option("--splits", job.splits, "A pod for each of N groups")->type_name("N")->required();
  verb->add_option("--image", job.image, "Has fittest, bash, and the suite in its working folder")
      ->type_name("IMAGE")
      ->required();
  verb->add_option("--name", job.name, "Of the Job; default: fittest")->type_name("NAME");
  verb->add_option("--parallelism", job.parallelism, "Pods at a time; default: all")->type_name("N");
  verb->add_option("--claim", job.claim, "The claim of a volume for the results; default: they go with the pods")
      ->type_name("NAME");
  verb->add_option("--budget", asked->budget, "Memory for the suite in a pod; default: from the history")
      ->type_name("SIZE");
  verb->add_option("--cpus", asked->cpus, "Of a pod, and its workers; default: as many as a group can use, 4 at most")
      ->check(CLI::Range(1U, 4096U))
      ->type_name("N");
  verb->add_option("--timeout", asked->timeout_minutes, "Of a pod; default: from the history")
      ->check(CLI::Range(1U, 100000U))
      ->type_name("MINUTES");
  verb->add_option("--setup", job.setup, "Commands before the tests, in each pod; may be repeated")
      ->type_name("COMMANDS")
      ->allow_extra_args(false);
  verb->add_option("--python", asked->python, "The interpreter that lists the suite here")->type_name("PATH");
  verb->add_option("-E,--expression", asked->expression, "Only these tests, as for fittest pytest")
      ->type_name("EXPRESSION");
  add_target(*verb, asked->target);
  verb->add_option("arguments", job.arguments, "pytest's, behind --")->type_name("ARGUMENTS");
  verb->callback([asked, &code] { code = write_kubernetes(std::move(*asked)); });
}

}  // namespace

void add_ci_verb(CLI::App& app, std::vector<std::string> command, std::optional<int>& code) {
  command.front() = "fittest";
  CLI::App* ci = app.add_subcommand("ci", "Write what runs the suite in parts on a service or a cluster");
  ci->require_subcommand(1);
  add_pipeline(*ci, "github", "A workflow of GitHub Actions", exporting::github_workflow, command, code);
  add_pipeline(*ci, "gitlab", "A pipeline of GitLab", exporting::gitlab_pipeline, command, code);
  add_kubernetes(*ci, command, code);
}

}  // namespace fittest::cli
