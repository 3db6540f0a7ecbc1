# The client with real processes; its server and workers come from the cluster.
if(TARGET integration_cluster)
  integration_test(client_test nlohmann_json::nlohmann_json)
  add_dependencies(client_test tpsweep)
endif()
