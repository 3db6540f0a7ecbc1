// Server, worker and client that know each other by certificates; and those that do not.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;
using testing::Optional;

// NAME.pem and NAME.key, signed by ca.pem, which SetUp makes.
class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", File("ca.key"), "-out", File("ca.pem"), "-subj", "/CN=authority"});
    MakeCertificate("server");
    MakeCertificate("lab");
    const std::string port_file = File("tls.port");
    server_ = cluster_.Start(
        "tls", "tpsweep-server",
        {"--listen", "127.0.0.1:0", "--port-file", port_file, "--store", "memory", "--tls-cert",
         File("server.pem"), "--tls-key", File("server.key"), "--tls-client-ca", File("ca.pem")});
    ASSERT_TRUE(WaitUntil([&] { return ReadFile(port_file).ok(); })) << server_->Errors();
    address_ = std::string(absl::StripAsciiWhitespace(*ReadFile(port_file)));
  }

  std::string File(const std::string& name) const { return cluster_.folder() + "/" + name; }

  void OpenSsl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "/usr/bin/openssl");
    Process process(arguments, File("openssl"));
    ASSERT_THAT(process.WaitForExit(), Optional(0)) << process.Errors();
  }
  void MakeCertificate(const std::string& name) {
    const std::string request = File(name + ".csr");
    const std::string names = File("names");
    ASSERT_TRUE(WriteFileAtomically(names, "subjectAltName=IP:127.0.0.1").ok());
    OpenSsl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", File(name + ".key"), "-out", request, "-subj", "/CN=" + name});
    OpenSsl({"x509", "-req", "-in", request, "-CA", File("ca.pem"), "-CAkey", File("ca.key"),
             "-CAcreateserial", "-out", File(name + ".pem"), "-extfile", names});
  }
  std::vector<std::string> AsTheLab() const {
    return {"--tls-ca",      File("ca.pem"), "--tls-cert",
            File("lab.pem"), "--tls-key",    File("lab.key")};
  }
  // Its exit status.
  std::optional<int> Client(std::vector<std::string> flags, std::vector<std::string> command) {
    flags.insert(flags.end(), {"--server", address_, "--timeout", "60s"});
    flags.insert(flags.end(), command.begin(), command.end());
    client_ = cluster_.Start("client", "tpsweep", flags);
    return client_->WaitForExit();
  }

  Cluster cluster_;
  std::unique_ptr<Process> server_;
  std::unique_ptr<Process> client_;
  std::string address_;
};

TEST_F(TlsTest, AStudyIsTrainedOverCheckedConnections) {
  std::vector<std::string> flags = AsTheLab();
  flags.insert(flags.end(), {"--server", address_, "--name", "w1", "--data", cluster_.DataFolder(),
                             "--state", File("state")});
  const auto worker = cluster_.Start("w1", "tpsweep-worker", flags);
  const auto service = v1::SweepService::NewStub(grpc::CreateChannel(
      address_, grpc::SslCredentials({.pem_root_certs = *ReadFile(File("ca.pem")),
                                      .pem_private_key = *ReadFile(File("lab.key")),
                                      .pem_cert_chain = *ReadFile(File("lab.pem"))})));
  v1::CreateStudyRequest request;
  *request.mutable_spec() = LongStudy("checked");
  v1::Study study;
  grpc::ClientContext context;
  const grpc::Status created = service->CreateStudy(&context, request, &study);
  ASSERT_TRUE(created.ok()) << created.error_message();
  // Which says whether all runs have succeeded.
  EXPECT_THAT(Client(AsTheLab(), {"watch", "checked"}), Optional(0))
      << client_->Errors() << worker->Errors();
  EXPECT_THAT(Client(AsTheLab(), {"ls"}), Optional(0)) << client_->Errors();
  EXPECT_THAT(client_->Output(), HasSubstr("checked"));
}

TEST_F(TlsTest, StrangersAreTurnedAway) {
  EXPECT_THAT(Client({}, {"ls"}), Optional(6));
  // Knows the server, and is not known.
  EXPECT_THAT(Client({"--tls-ca", File("ca.pem")}, {"ls"}), Optional(6));
  EXPECT_TRUE(server_->is_running());
  EXPECT_THAT(Client(AsTheLab(), {"ls"}), Optional(0)) << client_->Errors();
}

TEST_F(TlsTest, FilesThatDoNotBelongTogetherAreRefusedAtTheStart) {
  const auto refused = [&](const std::string& cert, const std::string& key, const std::string& ca) {
    const auto server =
        cluster_.Start("refused", "tpsweep-server",
                       {"--listen", "127.0.0.1:0", "--store", "memory", "--tls-cert", File(cert),
                        "--tls-key", File(key), "--tls-client-ca", File(ca)});
    EXPECT_THAT(server->WaitForExit(), Optional(2));
    return server->Errors();
  };
  EXPECT_THAT(refused("server.pem", "lab.key", "ca.pem"), HasSubstr("--tls-key"));
  EXPECT_THAT(refused("server.key", "server.key", "ca.pem"), HasSubstr("--tls-cert"));
  EXPECT_THAT(refused("server.pem", "server.key", "lab.key"), HasSubstr("--tls-client-ca"));
}

}  // namespace
}  // namespace tpsweep
