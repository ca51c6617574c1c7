"""deploy/terraform: well-formed, valid, and applied and destroyed against a server that plays AWS.

Terraform and its AWS provider come from this machine, never from a network: without them the tests
are skipped; the one that makes things takes minutes and runs with TEST_CLOUD=1. moto records state;
that the services themselves do as they are told is not shown.
"""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

SOURCE = Path(__file__).parents[2] / "deploy" / "terraform"
TERRAFORM = shutil.which("terraform")
# Local mirrors of providers: <mirror>/<host>/hashicorp/aws/…
_PLACES = (
    *Path("/opt").glob("*/*/hashicorp/aws"),
    *Path("/usr/share/terraform/plugins").glob("*/hashicorp/aws"),
    *(Path.home() / ".terraform.d" / "plugins").glob("*/hashicorp/aws"),
)
_OVERRIDE = """
provider "aws" {
  region                      = "eu-west-2"
  access_key                  = "made-up"
  secret_key                  = "made-up"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""

needs_terraform = pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")
needs_provider = pytest.mark.skipif(
    TERRAFORM is None or not _PLACES, reason="terraform or its AWS provider is not on this machine"
)


class Project:
    """A copy of the configuration that talks to moto."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder
        for path in SOURCE.glob("*.tf"):
            shutil.copy(path, folder)
        (folder / "made_up_override.tf").write_text(_OVERRIDE, encoding="utf-8")
        mirror = _PLACES[0].parents[2]
        config = folder / "terraform.rc"
        config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n',
            encoding="utf-8",
        )
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "TF_CLI_CONFIG_FILE": str(config),
            "TF_IN_AUTOMATION": "1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(TERRAFORM), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def project(tmp_path: Path, endpoint: str) -> Project:
    project = Project(tmp_path, endpoint)
    project.run("init", "-input=false", "-no-color")
    return project


@needs_terraform
def test_it_is_well_formed() -> None:
    done = subprocess.run(
        [str(TERRAFORM), "fmt", "-check", "-recursive", "-diff", str(SOURCE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@needs_provider
def test_it_is_valid(project: Project) -> None:
    assert json.loads(project.run("validate", "-json").stdout)["valid"]


@needs_provider
def test_mistakes_are_refused_with_a_remedy(project: Project) -> None:
    done = project.run("plan", "-input=false", "-no-color", "-var=shape=village", check=False)
    assert done.returncode
    assert 'shape is "machine" or "cluster"' in done.stderr
    done = project.run("plan", "-input=false", "-no-color", "-var=shape=machine", check=False)
    assert "image is not set" in done.stderr


@needs_provider
@pytest.mark.skipif("TEST_CLOUD" not in os.environ, reason="takes minutes: make test-cloud")
def test_a_machine_is_made_becomes_a_cluster_and_is_destroyed(
    project: Project, endpoint: str
) -> None:
    ec2, eks = (boto3.client(name, **_client(endpoint)) for name in ("ec2", "eks"))
    image = ec2.describe_images()["Images"][0]["ImageId"]
    options = [
        *("-auto-approve", "-input=false", "-no-color", f"-var=image={image}"),
        *("-var=protect=false", '-var=admitted=["192.0.2.0/24"]'),
    ]
    project.run("apply", *options, "-var=shape=machine")
    outputs = json.loads(project.run("output", "-json").stdout)
    assert outputs["photos_url"]["value"].startswith("s3://marketrank-photos-")
    assert len(_running(ec2)) == 1
    assert eks.list_clusters()["clusters"] == []
    _check_least_privilege(endpoint)
    _check_buckets(endpoint)
    project.run("apply", *options, "-var=shape=cluster")
    assert _running(ec2) == []
    assert eks.list_clusters()["clusters"] == ["marketrank"]
    assert set(eks.list_nodegroups(clusterName="marketrank")["nodegroups"]) == {
        "serving",
        "training",
    }
    assert "password" not in _passwords(json.loads(project.run("show", "-json").stdout))
    project.run("destroy", *options, "-var=shape=cluster")
    assert boto3.client("s3", **_client(endpoint)).list_buckets()["Buckets"] == []
    assert boto3.client("rds", **_client(endpoint)).describe_db_instances()["DBInstances"] == []
    assert eks.list_clusters()["clusters"] == []


def _running(ec2: Any) -> list[str]:
    wanted = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    found = ec2.describe_instances(Filters=wanted)["Reservations"]
    return [one["InstanceId"] for reservation in found for one in reservation["Instances"]]


def _client(endpoint: str) -> dict[str, str]:
    return {
        "endpoint_url": endpoint,
        "region_name": "eu-west-2",
        "aws_access_key_id": "made-up",
        "aws_secret_access_key": "made-up",
    }


def _check_least_privilege(endpoint: str) -> None:
    """Of our own policies no action and no resource is a star alone."""
    iam = boto3.client("iam", **_client(endpoint))
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(
            PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"]
        )
        for statement in version["PolicyVersion"]["Document"]["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            actions = [actions] if isinstance(actions, str) else actions
            resources = [resources] if isinstance(resources, str) else resources
            assert not [action for action in actions if "*" in action], statement
            assert resources
            assert all("marketrank" in one or ":secret:" in one for one in resources), statement


def _check_buckets(endpoint: str) -> None:
    s3 = boto3.client("s3", **_client(endpoint))
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert len(names) == 2
    for name in names:
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert all(block.values())
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        assert "SecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"]


def _passwords(state: dict[str, object]) -> set[str]:
    """Names of values in the state that hold a password."""
    found: set[str] = set()

    def look(value: object) -> None:
        if isinstance(value, dict):
            # (Terraform says of each whether it is sensitive: true is no password.)
            found.update(
                k for k, v in value.items() if k == "password" and isinstance(v, str) and v
            )
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(state)
    return found
