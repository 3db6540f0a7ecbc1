#include "tests/fakes/network.h"

#include <sched.h>

#include <cerrno>
#include <stdexcept>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace tpsweep {
namespace {

constexpr char kPreamble[] = R"(
PATH=/usr/sbin:/usr/bin:/sbin:/bin
router="nsenter --net=/proc/$1/ns/net"
far="nsenter --net=/proc/$2/ns/net"
)";

constexpr char kBuild[] = R"(
ip link add near type veth peer name to-near netns $1
ip address add 10.99.1.1/24 dev near
ip link set near up
$router ip address add 10.99.1.2/24 dev to-near
$router ip link set to-near up
$router ip link add to-far type veth peer name far netns $2
$router ip address add 10.99.2.2/24 dev to-far
$router ip link set to-far up
$router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
$far ip link set lo up
$far ip address add 10.99.2.1/24 dev far
$far ip link set far up
$far ip route add default via 10.99.2.2
ip route add 10.99.2.0/24 via 10.99.1.2
)";

std::string Pid(const Process& keeper) {
  return std::string(absl::StripAsciiWhitespace(keeper.Output()));
}

absl::Status RunScript(const std::string& script, const std::string& router, const std::string& far,
                       const std::string& log) {
  Process shell({"/bin/sh", "-ec", absl::StrCat(kPreamble, script), "sh", router, far}, log);
  if (shell.WaitForExit() == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("no network: ", script, ": ", shell.Errors()));
}

// The route by which the router loses what goes there.
const char* BlackHole(Network::Cut cut) {
  return cut == Network::Cut::kToNear ? "blackhole 10.99.1.1/32" : "blackhole 10.99.2.1/32";
}

}  // namespace

absl::Status Network::Enter() {
  if (unshare(CLONE_NEWNET) != 0) {
    return errno == EPERM ? absl::PermissionDeniedError("only root may make network namespaces")
                          : absl::InternalError(absl::StrCat("unshare: errno ", errno));
  }
  const TempFolder folder;
  return RunScript("ip link set lo up", "", "", folder.File("shell"));
}

Network::Network() : router_(Keep("router")), far_(Keep("far")) { Run(kBuild); }

Network::~Network() {
  // Its other end goes with it. Not left to the end of the router, which takes its time.
  RunScript("ip link delete near", "", "", folder_.File("shell")).IgnoreError();
}

std::unique_ptr<Process> Network::Keep(const std::string& name) {
  auto keeper =
      std::make_unique<Process>(std::vector<std::string>{"/usr/bin/unshare", "--net", "/bin/sh",
                                                         "-c", "echo $$; exec sleep infinity"},
                                folder_.File(name));
  if (!WaitUntil([&] { return !Pid(*keeper).empty() || !keeper->is_running(); }) ||
      !keeper->is_running()) {
    throw std::runtime_error("no network namespace: " + keeper->Errors());
  }
  return keeper;
}

std::vector<std::string> Network::FarSide() const {
  return {"/usr/bin/nsenter", absl::StrCat("--net=/proc/", Pid(*far_), "/ns/net")};
}

void Network::Run(const std::string& script) {
  const absl::Status status = RunScript(script, Pid(*router_), Pid(*far_), folder_.File("shell"));
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

void Network::Lose(Cut cut) {
  Run(cut == Cut::kUnplugged ? std::string("$router ip link set to-far down")
                             : absl::StrCat("$router ip route add ", BlackHole(cut)));
}

void Network::Heal(Cut cut) {
  Run(cut == Cut::kUnplugged ? std::string("$router ip link set to-far up")
                             : absl::StrCat("$router ip route delete ", BlackHole(cut)));
}

}  // namespace tpsweep
