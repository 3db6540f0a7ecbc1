"""Writes the corpus of coordinator_fuzz: conversations as the target reads them.

    python3 tests/fuzz/make_conversations.py      # needs protoc

A step is the number of what is said (coordinator_fuzz.cc, Say), the length of its message
and the message, written here as protobuf text.
"""
import hashlib
import os
import subprocess

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
KINDS = {
    "create": (0, "CreateStudyRequest"), "pause": (1, "StudyRequest"), "resume": (2, "StudyRequest"),
    "cancel": (3, "StudyRequest"), "delete": (4, "StudyRequest"), "extend": (5, "ExtendStudyRequest"),
    "extend_trial": (6, "ExtendTrialRequest"), "retry": (7, "RetryRunsRequest"),
    "get": (8, "GetStudyRequest"), "studies": (9, "ListStudiesRequest"),
    "trials": (10, "ListTrialsRequest"), "runs": (11, "ListRunsRequest"),
    "measurements": (12, "ListMeasurementsRequest"), "best": (13, "BestTrialsRequest"),
    "explain": (14, "ExplainRequest"), "workers": (15, "ListWorkersRequest"),
    "preview": (16, "PreviewStudyRequest"), "hello": (17, "Hello"), "say": (18, "WorkerMessage"),
    "disconnect": (20, "Heartbeat"), "put": (21, "CheckpointPart"),
    "fetch": (22, "GetCheckpointRequest"), "tick": (23, "Heartbeat"),
}


def step(what, text=""):
    kind, message = KINDS[what]
    encoded = subprocess.run(
        ["protoc", f"--encode=tpsweep.v1.{message}", "-I", os.path.join(ROOT, "proto"),
         "tpsweep/v1/sweep_service.proto", "tpsweep/v1/worker_service.proto"],
        input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    return bytes([kind, len(encoded) % 256, len(encoded) // 256]) + encoded


STUDY = """study: "s"
  training { dataset { name: "mnist" validation: 0 } bp {} epochs: 4 }
  space { path: "training.forward.lr" log { low: 1e-5 high: 1e-2 } }
  search { sampler { random { trials: 4 } } replicates: 1 %s }"""
NAME = 'name: "studies/s"'
ATTEMPT = "studies/s/trials/0/runs/0/attempts/1"
HELLO = step("hello", 'protocol_version: 1 worker_id: "w" incarnation: "a" slots: 2 datasets: "mnist"')
OFFER = step("say", "free_slots { count: 2 }")


def create(search=""):
    return step("create", "spec { " + STUDY % search + " }")


def report(sequence, value=0.5, more=""):
    return step("say", f"""report {{ attempt: "{ATTEMPT}" measurements {{ sequence: {sequence}
        epoch: {sequence} scalars {{ key: "validation/error" value: {value} }} }} {more} }}""")


def complete(outcome, last):
    return step("say", f"""completion {{ attempt: "{ATTEMPT}"
        outcome: ATTEMPT_OUTCOME_{outcome} last_sequence: {last} }}""")


def main():
    state = b"the state of a run"
    about = f'number: 1 epoch: 1 sequence: 1 bytes: {len(state)} sha256: "{hashlib.sha256(state).hexdigest()}"'
    put = step("put", f'attempt: "{ATTEMPT}" checkpoint {{ {about} }} data: "{state.decode()}"')
    fetch = step("fetch", 'attempt: "studies/s/trials/0/runs/0/attempts/2"')
    lists = (step("get", NAME) + step("studies", "page_size: 2") + step("trials", 'study: "studies/s"') +
             step("runs", 'parent: "studies/s"') + step("measurements", 'parent: "studies/s"') +
             step("best", 'study: "studies/s" count: 2') + step("workers") +
             step("explain", 'name: "studies/s/trials/0"'))
    conversations = {
        "one_run": create() + HELLO + OFFER + report(1) + report(2) + complete("COMPLETED", 2) + lists,
        "checkpoint": create() + HELLO + OFFER + report(1) + put + report(1, more=f"checkpoint {{ {about} }}") +
                      complete("PREEMPTED", 1) + OFFER + fetch,
        "verbs": create() + HELLO + OFFER + step("pause", NAME) + complete("PAUSED", 0) +
                 step("resume", NAME) + step("tick") * 3 + step("cancel", NAME) + step("delete", NAME),
        "failures": create() + HELLO + OFFER + complete("FAILED", 0) + OFFER + step("disconnect") +
                    step("tick") * 4 + HELLO + step("retry", NAME) + step("extend", NAME + " trials: 6") +
                    step("extend_trial", 'name: "studies/s/trials/0" epochs: 8'),
        "asha": create("scheduler { asha {} }") + HELLO + OFFER + report(1) + complete("PAUSED", 1) + lists +
                step("preview", "slots: 2 epoch_seconds: 1 spec { " + STUDY % "scheduler { asha {} }" + " }"),
    }
    folder = os.path.join(ROOT, "tests", "fuzz", "corpus", "coordinator")
    os.makedirs(folder, exist_ok=True)
    for name, steps in conversations.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(steps)


if __name__ == "__main__":
    main()
