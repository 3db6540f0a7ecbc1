#include "tests/fakes/slurm.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tpsweep {
namespace {

// Its daemons are not on every user's path.
constexpr char kPath[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

std::string ShortHostName() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return std::string(name).substr(0, std::string(name).find('.'));
}

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;  // as Slurm does
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return is_free;
}

// The first of `count` free ports in a row, below those that connections get by themselves.
int FreePorts(int count) {
  int num_free = 0;
  for (int port = 20'000 + getpid() % 10'000; port < 32'000; ++port) {
    num_free = IsFree(port) ? num_free + 1 : 0;
    if (num_free == count) return port - count + 1;
  }
  throw std::runtime_error("no free ports for Slurm");
}

}  // namespace

bool SlurmCluster::MayBeStarted() {
  if (geteuid() != 0) return false;
  // Root of a container may lack the privilege.
  const pid_t trial = fork();
  if (trial == 0) _exit(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 ? 0 : 1);
  int status = -1;
  return waitpid(trial, &status, 0) == trial && status == 0;
}

SlurmCluster::SlurmCluster(int num_nodes) {
  if (!std::filesystem::exists("/usr/sbin/slurmctld")) {
    throw std::runtime_error("no Slurm in /usr/sbin: deploy/install-deps.sh installs it");
  }
  std::string path = "/tmp/tpsweep-slurm-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder for Slurm");
  folder_ = path;
  WriteConfiguration(num_nodes);
  controller_ = std::make_unique<Process>(
      std::vector<std::string>{"/usr/sbin/slurmctld", "-D", "-f", folder_ + "/slurm.conf"},
      folder_ + "/slurmctld");
  for (int i = 1; i <= num_nodes; ++i) {
    const std::string name = absl::StrCat("n", i);
    nodes_[name] = StartNode(name);
  }
  const std::string all_idle = absl::StrCat(num_nodes, " idle");
  std::string nodes;
  const bool is_up = WaitUntil([&] {
    // Fails as long as the controller does not listen.
    try {
      nodes = Run({"sinfo", "--noheader", "--partition=work", "--format=%D %T"});
    } catch (const std::runtime_error& error) {
      nodes = error.what();
    }
    return absl::StripAsciiWhitespace(nodes) == all_idle || !controller_->is_running();
  });
  if (!is_up || !controller_->is_running()) {
    throw std::runtime_error(
        absl::StrCat("Slurm did not start: ", nodes, "; controller: ", ControllerLog()));
  }
}

SlurmCluster::~SlurmCluster() {
  nodes_.clear();
  controller_ = nullptr;
  // Processes of nodes may still be about to end.
  WaitUntil([this] {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
    return !error;
  });
}

void SlurmCluster::WriteConfiguration(int num_nodes) {
  const std::string host = ShortHostName();
  const int port = FreePorts(num_nodes + 1);
  const auto folder = [&](const std::string& name) {
    std::filesystem::create_directory(folder_ + "/" + name);
    return folder_ + "/" + name;
  };
  std::ofstream(folder_ + "/slurm.conf")
      << "ClusterName=test\n"
      << "SlurmctldHost=" << host << "(127.0.0.1)\n"
      << "SlurmctldPort=" << port << "\n"
      << "SlurmUser=root\n"
      << "SlurmdUser=root\n"
      << "StateSaveLocation=" << folder("state") << "\n"
      << "SlurmctldPidFile=" << folder_ << "/slurmctld.pid\n"
      << "SlurmdPidFile=" << folder_ << "/slurmd-%n.pid\n"
      << "SlurmdSpoolDir=" << folder("spool") << "/%n\n"
      << "AuthType=auth/none\n"
      << "CredType=cred/none\n"
      // A job that was queued again waits for the end of its credential, 120 s by default.
      << "AuthInfo=cred_expire=5\n"
      << "MpiDefault=none\n"
      << "ProctrackType=proctrack/linuxproc\n"
      << "TaskPlugin=task/none\n"
      << "JobAcctGatherType=jobacct_gather/none\n"
      << "AccountingStorageType=accounting_storage/none\n"
      << "SelectType=select/cons_tres\n"
      << "SelectTypeParameters=CR_Core\n"
      << "SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0\n"
      << "PreemptType=preempt/partition_prio\n"
      << "PreemptMode=REQUEUE\n"
      // After how much silence a node is lost.
      << "SlurmdTimeout=5\n"
      << "MessageTimeout=5\n"
      << "SlurmdParameters=config_overrides\n"
      << "NodeName=n[1-" << num_nodes << "] NodeHostname=" << host << " NodeAddr=127.0.0.1 Port=["
      << port + 1 << "-" << port + num_nodes << "] CPUs=1\n"
      << "PartitionName=work Nodes=ALL Default=YES PriorityTier=1\n"
      << "PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF\n";
}

std::unique_ptr<Process> SlurmCluster::StartNode(const std::string& name) {
  const std::string disk = folder_ + "/disk-" + name;
  std::filesystem::create_directory(disk);
  std::filesystem::create_directory(folder_ + "/spool/" + name);
  // The end of `unshare` is that of the first process inside, and that the end of all others.
  const std::vector<std::string> command = {
      "/usr/bin/unshare",
      "--pid",
      "--mount",
      "--fork",
      "--mount-proc",
      "--kill-child=KILL",
      "/bin/sh",
      "-c",
      R"(mount --bind "$1" /var/tmp && exec /usr/sbin/slurmd -D -N "$2" -f "$3")",
      "sh",
      disk,
      name,
      folder_ + "/slurm.conf"};
  return std::make_unique<Process>(command, folder_ + "/slurmd-" + name);
}

std::string SlurmCluster::Run(const std::vector<std::string>& command,
                              const std::vector<std::string>& environment) {
  std::vector<std::string> whole = {"/usr/bin/env", kPath,
                                    absl::StrCat("SLURM_CONF=", folder_, "/slurm.conf")};
  whole.insert(whole.end(), environment.begin(), environment.end());
  whole.insert(whole.end(), command.begin(), command.end());
  Process process(whole, absl::StrCat(folder_, "/command-", ++num_commands_));
  if (process.WaitForExit(absl::Seconds(60)) != 0) {
    throw std::runtime_error(absl::StrCat(command[0], " failed: ", process.Errors()));
  }
  return process.Output();
}

std::map<std::string, std::string> SlurmCluster::Job(const std::string& id) {
  std::map<std::string, std::string> job;
  const std::string text = Run({"scontrol", "--oneliner", "show", "job", id});
  for (const absl::string_view field :
       absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    job.insert(parts);
  }
  return job;
}

void SlurmCluster::LoseNode(const std::string& name) {
  nodes_.at(name)->Signal(SIGKILL);
  nodes_.at(name)->WaitForExit();
}

}  // namespace tpsweep
