"""Inputs for every operation of every service, made from botocore's models: what is required, and what names a resource.

A service needs an entry here only for what a model cannot tell: the resources of the account that is visited, and
values that must be real to get past validation. One without an entry is walked all the same.
"""

import base64
import datetime
import hashlib
import hmac
import json
import struct
import subprocess
import time

from conftest import ROOT, eventually

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})

LOGS_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "es.amazonaws.com"},
                "Action": "logs:PutLogEvents",
                "Resource": "arn:aws:logs:us-east-1:*:log-group:none:*",
            }
        ],
    }
)


def trust(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = trust({"Service": "ec2.amazonaws.com"})


def code(seed, step):
    """A one-time code: RFC 6238."""
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    return f"{(struct.unpack('>I', digest[digest[-1] & 15 :][:4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Visited:
    """What there is in the account that strangers come to: by service, values of members, and of single operations."""

    def __init__(self, cloud, account, marker):
        self.account = account
        self.marker = marker
        self.members = {}
        self.operations = {}
        for service, furnish in FURNISH.items():
            if service in cloud.served:
                client = cloud.client(service, account=account)
                self.members[service], self.operations[service] = furnish(client, account, marker, cloud)

    def params(self, client, service, operation):
        """The input, as a caller who means this account would write it."""
        chosen = self.operations.get(service, {}).get(operation, {})
        shape = client.meta.service_model.operation_model(operation).input_shape
        if shape is None:
            return {}
        members = self.members.get(service, {})
        given = {name for name in members if name in shape.members} | set(shape.required_members)
        made = {name: value_of(shape.members[name], name, members) for name in given}
        made.update(chosen)
        return {name: value for name, value in made.items() if value is not None}


FORMS = {"string": str, "list": list, "structure": dict, "map": dict, "blob": bytes, "integer": int, "boolean": bool}


def value_of(shape, name, members):
    """The least that fits a shape."""
    kind = shape.type_name
    known = members.get(name)
    if known is not None and isinstance(known, FORMS.get(kind, ())):
        return known
    if known is not None and kind == "list" and shape.member.type_name == "string":
        return [known]
    meta = shape.metadata
    if kind == "structure":
        return {one: value_of(shape.members[one], one, members) for one in shape.required_members}
    if kind == "list":
        return [value_of(shape.member, name.removesuffix("s"), members) for _ in range(max(1, meta.get("min", 1)))]
    if kind == "map":
        return {value_of(shape.key, "Key", members): value_of(shape.value, "Value", members)}
    if kind == "blob":
        return b"x" * max(1, meta.get("min", 1))
    if kind == "boolean":
        return False
    if kind in ("integer", "long", "float", "double"):
        return max(1, meta.get("min", 1))
    if kind == "timestamp":
        return datetime.datetime.now(datetime.timezone.utc)
    if shape.enum:
        return shape.enum[0]
    if name.endswith("Document") or name in ("Policy", "PolicyInputList"):
        return POLICY
    return "walk".ljust(meta.get("min", 1), "-")


def furnish_sqs(sqs, account, marker, cloud):
    url = sqs.create_queue(QueueName=f"q-{marker}")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{account}:q-{marker}"
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    entry = [{"Id": "a", "MessageBody": "x", "ReceiptHandle": "x", "VisibilityTimeout": 1}]
    entries = lambda *names: [{name: one[name] for name in ("Id", *names)} for one in entry]
    return (
        {"QueueUrl": url, "QueueName": f"q-{marker}", "QueueOwnerAWSAccountId": account, "SourceArn": arn},
        {
            "AddPermission": {"AWSAccountIds": [account], "Actions": ["SendMessage"]},
            "SendMessageBatch": {"Entries": entries("MessageBody")},
            "DeleteMessageBatch": {"Entries": entries("ReceiptHandle")},
            "ChangeMessageVisibilityBatch": {"Entries": entries("ReceiptHandle", "VisibilityTimeout")},
            "SetQueueAttributes": {"Attributes": {"DelaySeconds": "7"}},
            "TagQueue": {"Tags": {"a": "b"}},
            "CancelMessageMoveTask": {
                "TaskHandle": base64.b64encode(json.dumps({"taskId": "x", "sourceArn": arn}).encode()).decode()
            },
        },
    )


def furnish_kms(kms, account, marker, cloud):
    def key(**how):
        return kms.create_key(Description=marker, **how)["KeyMetadata"]["Arn"]

    arn, signs, mac, empty = key(), key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"), None, None
    mac, empty = key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"), key(Origin="EXTERNAL")
    many = key(MultiRegion=True)
    kms.create_alias(AliasName=f"alias/{marker}", TargetKeyId=arn)
    grant = kms.create_grant(KeyId=arn, GranteePrincipal=f"arn:aws:iam::{account}:root", RetiringPrincipal=f"arn:aws:iam::{account}:root", Operations=["Decrypt"])
    sealed = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    imported = kms.get_parameters_for_import(KeyId=empty, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    tag = [{"TagKey": "a", "TagValue": "b"}]
    document = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
    return (
        {
            "KeyId": arn,
            "TargetKeyId": arn,
            "SourceKeyId": arn,
            "CiphertextBlob": sealed,
            "GrantId": grant["GrantId"],
            "GranteePrincipal": f"arn:aws:iam::{account}:root",
            "RetiringPrincipal": f"arn:aws:iam::{account}:root",
        },
        {
            "CreateAlias": {"AliasName": f"alias/new-{marker}"},
            "CreateGrant": {"RetiringPrincipal": None},
            "CreateKey": {"Description": "a stranger's"},
            "DeleteAlias": {"AliasName": f"alias/{marker}"},
            "DeleteImportedKeyMaterial": {"KeyId": empty},
            "GenerateDataKey": {"KeySpec": "AES_256"},
            "GenerateMac": {"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256"},
            "GenerateRandom": {"NumberOfBytes": 4},
            "GetParametersForImport": {"KeyId": empty},
            "GetPublicKey": {"KeyId": signs},
            "ImportKeyMaterial": {
                "KeyId": empty,
                "ImportToken": imported["ImportToken"],
                "EncryptedKeyMaterial": b"x" * 256,
                "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
            },
            "ListGrants": {"GranteePrincipal": None, "GrantId": None},
            "PutKeyPolicy": {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [document]})},
            "ReEncrypt": {"DestinationKeyId": arn},
            "ReplicateKey": {"KeyId": many, "ReplicaRegion": "eu-west-1"},
            "RetireGrant": {"KeyId": arn},
            "Sign": {"KeyId": signs, "SigningAlgorithm": "RSASSA_PSS_SHA_256", "Message": b"x"},
            "TagResource": {"Tags": tag},
            "UpdateAlias": {"AliasName": f"alias/{marker}"},
            "UpdatePrimaryRegion": {"KeyId": many, "PrimaryRegion": "eu-west-1"},
            "Verify": {"KeyId": signs, "SigningAlgorithm": "RSASSA_PSS_SHA_256", "Message": b"x", "Signature": b"x" * 256},
            "VerifyMac": {"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256", "Message": b"x", "Mac": b"x" * 32},
        },
    )


SAML_METADATA = (
    '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://id.example.com"><IDPSSODescriptor>'
    '<KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>MAA=</X509Certificate>'
    '</X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="b" Location="https://id.example.com"/>'
    f"</IDPSSODescriptor><!-- {'long enough ' * 90}--></EntityDescriptor>"
)


def certificate():
    """A certificate signed by itself, and its key: PEM."""
    made = subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout - -subj /CN=www.example.com".split(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    key, own = made.split("-----BEGIN CERTIFICATE-----")
    return "-----BEGIN CERTIFICATE-----" + own, key


def furnish_iam(iam, account, marker, cloud):
    arn = lambda what: f"arn:aws:iam::{account}:{what}"
    iam.create_user(UserName=marker)
    iam.create_group(GroupName=marker)
    iam.add_user_to_group(GroupName=marker, UserName=marker)
    iam.create_role(RoleName=marker, AssumeRolePolicyDocument=trust({"AWS": account}))
    iam.create_instance_profile(InstanceProfileName=marker)
    iam.add_role_to_instance_profile(InstanceProfileName=marker, RoleName=marker)
    iam.create_policy(PolicyName=marker, PolicyDocument=POLICY)
    for one in ("user", "group", "role"):
        name = {f"{one.title()}Name": marker}
        getattr(iam, f"put_{one}_policy")(**name, PolicyName="inline", PolicyDocument=POLICY)
        getattr(iam, f"attach_{one}_policy")(**name, PolicyArn=arn(f"policy/{marker}"))
    iam.create_login_profile(UserName=marker, Password="Walk-1-password")
    key = iam.create_access_key(UserName=marker)["AccessKey"]["AccessKeyId"]
    seed = iam.create_virtual_mfa_device(VirtualMFADeviceName=marker)["VirtualMFADevice"]["Base32StringSeed"]
    step = int(time.time()) // 30
    codes = {"AuthenticationCode1": code(seed, step), "AuthenticationCode2": code(seed, step + 1)}
    host = f"{marker}.example.com"
    iam.create_open_id_connect_provider(Url=f"https://{host}", ClientIDList=["a"], ThumbprintList=["a" * 40])
    iam.create_account_alias(AccountAlias=marker)
    iam.update_account_password_policy(MinimumPasswordLength=9)
    iam.generate_credential_report()
    own, key_of_own = certificate()
    iam.upload_server_certificate(ServerCertificateName=marker, CertificateBody=own, PrivateKey=key_of_own)
    iam.create_saml_provider(Name=marker, SAMLMetadataDocument=SAML_METADATA)
    report = iam.generate_service_last_accessed_details(Arn=arn(f"user/{marker}"))["JobId"]
    linked = iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com")["Role"]["RoleName"]
    other = iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com")["Role"]["RoleName"]
    deletion = iam.delete_service_linked_role(RoleName=other)["DeletionTaskId"]
    inline = {"PolicyName": "inline"}
    new = f"new-{marker}"
    tags = [{"Key": "a", "Value": "b"}]
    members = {
        "UserName": marker,
        "GroupName": marker,
        "RoleName": marker,
        "InstanceProfileName": marker,
        "PolicyName": marker,
        "PolicyArn": arn(f"policy/{marker}"),
        "PermissionsBoundary": arn(f"policy/{marker}"),
        "PolicySourceArn": arn(f"user/{marker}"),
        "AccessKeyId": key,
        "SerialNumber": arn(f"mfa/{marker}"),
        "OpenIDConnectProviderArn": arn(f"oidc-provider/{host}"),
        "AccountAlias": marker,
        "VersionId": "v1",
        "ActionNames": ["sqs:SendMessage"],
        "PolicyInputList": [POLICY],
        "AssumeRolePolicyDocument": TRUST,
        "PolicyDocument": POLICY,
        "ThumbprintList": ["b" * 40],
        "Tags": tags,
        "TagKeys": ["a"],
        "Password": "Walk-2-password",
        "AWSServiceName": "ecs.amazonaws.com",
        "ServerCertificateName": marker,
        "CertificateBody": own,
        "PrivateKey": key_of_own,
        "SAMLProviderArn": arn(f"saml-provider/{marker}"),
        "SAMLMetadataDocument": SAML_METADATA,
        "Arn": arn(f"user/{marker}"),
        "JobId": report,
        "ServiceNamespace": "sqs",
        "ServiceNamespaces": ["sqs"],
        "DeletionTaskId": deletion,
        **codes,
    }
    plain = {"PermissionsBoundary": None, "Tags": None}
    operations = {
        "ChangePassword": {"OldPassword": "a", "NewPassword": "b"},
        "CreateGroup": {"GroupName": new},
        "CreateInstanceProfile": {"InstanceProfileName": new},
        "CreateOpenIDConnectProvider": {"Url": f"https://new.{host}"},
        "CreatePolicy": {"PolicyName": new},
        "CreateRole": {"RoleName": new, **plain},
        "CreateSAMLProvider": {"Name": new},
        "DeleteServiceLinkedRole": {"RoleName": linked},
        "UploadServerCertificate": {"ServerCertificateName": new},
        "CreateUser": {"UserName": new, **plain},
        "CreateVirtualMFADevice": {"VirtualMFADeviceName": new},
        "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST},
        "UpdateGroup": {"NewGroupName": new},
        "UpdateUser": {"NewUserName": new},
        "SimulateCustomPolicy": {"PermissionsBoundaryPolicyInputList": None},
    }
    for what in ("Group", "Role", "User"):
        for verb in ("Get", "Delete", "Put"):
            operations[f"{verb}{what}Policy"] = inline
    return members, operations


def running_instance(ec2, subnet):
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, InstanceType="t3.micro", SubnetId=subnet, MinCount=1, MaxCount=1)
    instance = made["Instances"][0]["InstanceId"]

    def checked():
        status = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
        return status and status[0]["InstanceStatus"]["Status"] == "ok" and status[0]["SystemStatus"]["Status"] == "ok"

    eventually(checked, "the instance is well", 60)
    return instance


def furnish_ec2(ec2, account, marker, cloud):
    vpcs = ec2.describe_vpcs()["Vpcs"] or [ec2.create_default_vpc()["Vpc"]]
    vpc = vpcs[0]["VpcId"]
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    group = ec2.create_security_group(GroupName=marker, Description="d", VpcId=vpc)["GroupId"]
    key = ec2.create_key_pair(KeyName=marker)["KeyPairId"]
    ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "b"}])
    egress = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    rule = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"][0]
    instance = running_instance(ec2, subnet) if ROOT else "i-0123456789abcdef0"
    members = {
        "VpcId": vpc,
        "SubnetId": subnet,
        "GroupId": group,
        "InstanceId": instance,
        "VpcIds": [vpc],
        "SubnetIds": [subnet],
        "GroupIds": [group],
        "InstanceIds": [instance],
        "KeyPairIds": [key],
        "KeyPairId": key,
        "SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]],
        "Resources": [group],
        "LaunchTemplateData": {"InstanceType": "t3.micro"},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    operations = {
        "DescribeTags": {"Filters": None},
        "DescribeVpcAttribute": {"Attribute": "enableDnsSupport"},
        "DescribeInstanceAttribute": {"Attribute": "instanceType"},
        "DeleteKeyPair": {"KeyName": None},
        "CreateKeyPair": {"KeyName": f"new-{marker}"},
        "ImportKeyPair": {"KeyName": f"new-{marker}", "PublicKeyMaterial": b"ssh-ed25519 x"},
        "CreateSecurityGroup": {"GroupName": f"new-{marker}"},
        "ModifyInstanceAttribute": {"InstanceType": {"Value": "t3.micro"}},
        "ModifyInstanceMetadataOptions": {"HttpTokens": "required"},
        "ModifySecurityGroupRules": {
            "SecurityGroupRules": [
                {
                    "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                    "SecurityGroupRule": {"IpProtocol": "-1", "CidrIpv4": "10.0.0.0/8"},
                }
            ]
        },
        "RunInstances": {"ImageId": "ami-0123456789abcdef0", "MinCount": 1, "MaxCount": 1},
        "AssociateIamInstanceProfile": {"IamInstanceProfile": {"Name": marker}},
        "ReplaceIamInstanceProfileAssociation": {"IamInstanceProfile": {"Name": marker}},
        "AssociateDhcpOptions": {"DhcpOptionsId": "dopt-0123456789abcdef0"},
        "AssociateRouteTable": {"RouteTableId": "rtb-0123456789abcdef0"},
        "AssociateSubnetCidrBlock": {"Ipv6CidrBlock": "fdc1:d1e::/64"},
        "AssociateVpcCidrBlock": {"CidrBlock": "100.64.0.0/16"},
        "CreateDhcpOptions": {"DhcpConfigurations": [{"Key": "domain-name", "Values": ["example.com"]}]},
        "CreateLaunchTemplate": {"LaunchTemplateName": f"new-{marker}"},
        "CreateNatGateway": {"VpcId": None, "ConnectivityType": "private"},
        "CreateSubnet": {"CidrBlock": "100.64.0.0/24"},
        "CreateVpcPeeringConnection": {"PeerVpcId": vpc},
        "ModifySubnetAttribute": {"MapPublicIpOnLaunch": {"Value": True}},
        "ModifyVpcAttribute": {"EnableDnsSupport": {"Value": True}},
        "CreateFleet": {"LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {"LaunchTemplateName": marker, "Version": "1"}}]},
        "CreateVpcEndpoint": {"ServiceName": "com.amazonaws.us-east-1.sqs", "VpcEndpointType": "Interface"},
        "DescribePlacementGroups": {"GroupIds": None},
        "ModifyInstancePlacement": {"GroupId": None, "Tenancy": "default"},
        "ModifyInstanceCapacityReservationAttributes": {
            "CapacityReservationSpecification": {"CapacityReservationPreference": "open"}
        },
        "ModifyReservedInstances": {"TargetConfigurations": [{"InstanceCount": 1, "InstanceType": "t3.micro"}]},
        "ImportImage": {"DiskContainers": [{"Format": "raw", "Url": f"s3://{marker}/disk.raw"}]},
        "ImportSnapshot": {"DiskContainer": {"Format": "raw", "Url": f"s3://{marker}/disk.raw"}},
        "CreateStoreImageTask": {"ImageId": "ami-0123456789abcdef0", "Bucket": f"new-{marker}"},
        "CreateRestoreImageTask": {"Bucket": f"new-{marker}", "ObjectKey": "ami-0123456789abcdef0.bin"},
        "ExportImage": {"ImageId": "ami-0123456789abcdef0", "DiskImageFormat": "RAW", "S3ExportLocation": {"S3Bucket": f"new-{marker}"}},
        "CancelExportTask": {"ExportTaskId": "export-ami-0123456789abcdef0"},
        "CancelImportTask": {"ImportTaskId": "import-ami-0123456789abcdef0"},
        "EnableFastSnapshotRestores": {"SourceSnapshotIds": ["snap-0123456789abcdef0"], "AvailabilityZones": ["us-east-1a"]},
        "DisableFastSnapshotRestores": {"SourceSnapshotIds": ["snap-0123456789abcdef0"], "AvailabilityZones": ["us-east-1a"]},
        "RequestSpotFleet": {
            "SpotFleetRequestConfig": {
                "IamFleetRole": f"arn:aws:iam::{account}:role/{marker}",
                "TargetCapacity": 1,
                "LaunchSpecifications": [{"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"}],
            }
        },
        "RequestSpotInstances": {"LaunchSpecification": {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"}},
    }
    for verb in ("Authorize", "Revoke"):
        for side in ("Egress", "Ingress"):
            operations[f"{verb}SecurityGroup{side}"] = {"IpPermissions": egress, "SecurityGroupRuleIds": None}
    for side in ("Egress", "Ingress"):
        operations[f"UpdateSecurityGroupRuleDescriptions{side}"] = {"IpPermissions": egress}
    return members, operations


def furnish_ebs(ebs, account, marker, cloud):
    made = ebs.start_snapshot(VolumeSize=1, Description=marker)["SnapshotId"] if ROOT else "snap-0123456789abcdef0"
    members = {"SnapshotId": made, "SecondSnapshotId": made}
    block = {"BlockData": b"x", "DataLength": 1, "Checksum": "A" * 44, "ChecksumAlgorithm": "SHA256"}
    operations = {
        "PutSnapshotBlock": {"BlockIndex": 0, **block},
        "GetSnapshotBlock": {"BlockIndex": 0, "BlockToken": "x"},
        "CompleteSnapshot": {"ChangedBlocksCount": 7},
        "ListChangedBlocks": {"FirstSnapshotId": None},
        "StartSnapshot": {"VolumeSize": 1, "ParentSnapshotId": None, "KmsKeyArn": None, "Encrypted": None},
    }
    return members, operations


def furnish_s3(s3, account, marker, cloud):
    s3.create_bucket(Bucket=marker)
    s3.put_object(Bucket=marker, Key="kept", Body=b"kept")
    upload = s3.create_multipart_upload(Bucket=marker, Key="parts")["UploadId"]
    operations = {
        "CreateBucket": {"Bucket": f"new-{marker}"},
        "UploadPart": {"Key": "parts", "Body": b"x"},
        "UploadPartCopy": {"Key": "parts"},
        "PutObject": {"Body": b"x"},
        "DeleteObjects": {"Delete": {"Objects": [{"Key": "kept"}]}},
        "PutBucketVersioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    }
    members = {"Bucket": marker, "Key": "kept", "UploadId": upload, "CopySource": f"{marker}/kept", "PartNumber": 1}
    return members, operations


def furnish_s3control(s3control, account, marker, cloud):
    cloud.client("s3", account=account).create_bucket(Bucket=f"behind-{marker}")
    point = {"AccountId": account, "Name": marker}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": account},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:us-east-1:{account}:accesspoint/{marker}/object/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3control.create_access_point(**point, Bucket=f"behind-{marker}")
    s3control.put_access_point_policy(**point, Policy=policy)
    members = {**point, "Bucket": f"behind-{marker}", "Policy": policy}
    return members, {"CreateAccessPoint": {"Name": f"new-{marker}"}}


def furnish_glacier(glacier, account, marker, cloud):
    glacier.create_vault(vaultName=marker)
    archive = glacier.upload_archive(vaultName=marker, body=b"kept")["archiveId"]
    wanted = {"Type": "archive-retrieval", "ArchiveId": archive}
    job = glacier.initiate_job(vaultName=marker, jobParameters=wanted)["jobId"]
    upload = glacier.initiate_multipart_upload(vaultName=marker, partSize=str(1 << 20))["uploadId"]
    policy = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}
    members = {"accountId": account, "vaultName": marker, "archiveId": archive, "jobId": job, "uploadId": upload}
    operations = {
        "AddTagsToVault": {"Tags": {"a": "b"}},
        "CompleteMultipartUpload": {"archiveSize": "1", "checksum": "0" * 64},
        "CreateVault": {"vaultName": f"new-{marker}"},
        "InitiateJob": {"jobParameters": wanted},
        "InitiateMultipartUpload": {"partSize": str(1 << 20)},
        "InitiateVaultLock": {"policy": policy},
        "RemoveTagsFromVault": {"TagKeys": ["a"]},
        "SetDataRetrievalPolicy": {"Policy": {"Rules": [{"Strategy": "FreeTier"}]}},
        "SetVaultAccessPolicy": {"policy": policy},
        "UploadArchive": {"body": b"x"},
        "UploadMultipartPart": {"body": b"x", "range": "bytes 0-0/*"},
    }
    return members, operations


def furnish_logs(logs, account, marker, cloud):
    logs.create_log_group(logGroupName=marker)
    logs.create_log_stream(logGroupName=marker, logStreamName=marker)
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=marker, logStreamName=marker, logEvents=[{"timestamp": now, "message": "kept"}])
    metric = [{"metricName": "m", "metricNamespace": marker, "metricValue": "1"}]
    logs.put_metric_filter(logGroupName=marker, filterName=marker, filterPattern="", metricTransformations=metric)
    logs.put_resource_policy(policyName=marker, policyDocument=LOGS_POLICY)
    saved = logs.put_query_definition(name=marker, queryString="limit 1")["queryDefinitionId"]
    span = {"startTime": now // 1000 - 60, "endTime": now // 1000}
    query = logs.start_query(logGroupName=marker, queryString="limit 1", **span)["queryId"]

    def row():
        answer = logs.get_query_results(queryId=query)
        return answer["status"] == "Complete" and (answer["results"] or [[{"value": "none"}]])[0]

    pointer = eventually(row, "the query ends")[-1]["value"]
    arn = f"arn:aws:logs:us-east-1:{account}:log-group:{marker}"
    members = {
        "logGroupName": marker,
        "logStreamName": marker,
        "resourceArn": arn,
        "filterName": marker,
        "filterPattern": "",
        "policyName": marker,
        "policyDocument": LOGS_POLICY,
        "queryDefinitionId": saved,
        "queryId": query,
        "logRecordPointer": pointer,
        "metricTransformations": metric,
        "destinationArn": f"arn:aws:lambda:us-east-1:{account}:function:f",
        "kmsKeyId": f"arn:aws:kms:us-east-1:{account}:key/00000000-0000-0000-0000-000000000000",
        "retentionInDays": 7,
        "tags": {"a": "b"},
        "tagKeys": ["a"],
    }
    unarn = {"resourceArn": None}
    operations = {
        "AssociateKmsKey": {},
        "CreateLogGroup": {"logGroupName": f"new-{marker}", "kmsKeyId": None},
        "CreateLogStream": {"logStreamName": f"new-{marker}"},
        "CreateExportTask": {"from": now - 1000, "to": now, "destination": marker, "logStreamNamePrefix": None},
        "DeleteResourcePolicy": unarn,
        "DescribeResourcePolicies": unarn,
        "PutResourcePolicy": unarn,
        "DescribeMetricFilters": {"filterNamePrefix": marker},
        "PutLogEvents": {"logEvents": [{"timestamp": now, "message": "new"}]},
        "PutLogGroupDeletionProtection": {"logGroupIdentifier": arn, "deletionProtectionEnabled": True},
        "PutQueryDefinition": {"name": f"new-{marker}", "queryString": "limit 2"},
        "StartLiveTail": {"logGroupIdentifiers": [arn], "logStreamNames": None, "logStreamNamePrefixes": None},
        "StartQuery": {"queryString": "limit 1", **span},
        "TestMetricFilter": {"logEventMessages": ["x"]},
        "UntagLogGroup": {"tags": ["a"]},
    }
    return members, operations


def furnish_sts(sts, account, marker, cloud):
    key = cloud.client("iam", account=account).list_access_keys(UserName=marker)["AccessKeyMetadata"][0]["AccessKeyId"]
    members = {
        "RoleArn": f"arn:aws:iam::{account}:role/{marker}",
        "PrincipalArn": f"arn:aws:iam::{account}:saml-provider/{marker}",
        "RoleSessionName": "walk",
        "AccessKeyId": key,
    }
    return members, {}


def furnish_organizations(organizations, account, marker, cloud):
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name=marker)["OrganizationalUnit"]["Id"]
    policy = organizations.create_policy(Content=POLICY, Description="", Name=marker, Type="SERVICE_CONTROL_POLICY")
    policy = policy["Policy"]["PolicySummary"]["Id"]
    made = organizations.create_account(Email=f"{marker}@example.com", AccountName=marker)["CreateAccountStatus"]["Id"]

    def status():
        return organizations.describe_create_account_status(CreateAccountRequestId=made)["CreateAccountStatus"]

    eventually(lambda: status()["State"] == "SUCCEEDED", "the account is made")
    invited = organizations.invite_account_to_organization(Target={"Id": "833333333333", "Type": "ACCOUNT"})
    members = {
        "HandshakeId": invited["Handshake"]["Id"],
        "RootId": root,
        "ParentId": root,
        "SourceParentId": root,
        "DestinationParentId": unit,
        "OrganizationalUnitId": unit,
        "PolicyId": policy,
        "TargetId": unit,
        "ResourceId": unit,
        "ChildId": status()["AccountId"],
        "AccountId": status()["AccountId"],
        "CreateAccountRequestId": made,
        "Content": POLICY,
        "Email": "new@example.com",
        "Filter": "SERVICE_CONTROL_POLICY",
        "PolicyType": "SERVICE_CONTROL_POLICY",
        "Type": "SERVICE_CONTROL_POLICY",
    }
    operations = {"InviteAccountToOrganization": {"Target": {"Id": "844444444444", "Type": "ACCOUNT"}}}
    return members, operations


def furnish_elbv2(elbv2, account, marker, cloud):
    """Nothing of the account's: what is named is nobody's, and refused before that is looked at."""
    certificates = [{"CertificateArn": f"arn:aws:iam::{account}:server-certificate/{marker}"}]
    attributes = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    forward = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    arn = f"arn:aws:elasticloadbalancing:us-east-1:{account}"
    rule = f"{arn}:listener-rule/app/{marker}/0123456789abcdef/0123456789abcdef/0123456789abcdef"
    members = {
        "LoadBalancerArn": f"{arn}:loadbalancer/app/{marker}/0123456789abcdef",
        "TargetGroupArn": f"{arn}:targetgroup/{marker}/0123456789abcdef",
        "ListenerArn": f"{arn}:listener/app/{marker}/0123456789abcdef/0123456789abcdef",
        "RuleArn": rule,
    }
    operations = {
        "AddListenerCertificates": {"Certificates": certificates},
        "RemoveListenerCertificates": {"Certificates": certificates},
        "CreateRule": {"Actions": forward, "Conditions": [{"Field": "path-pattern", "Values": ["/x"]}]},
        "ModifyListenerAttributes": {"Attributes": attributes},
        "ModifyLoadBalancerAttributes": {"Attributes": attributes},
        "ModifyTargetGroupAttributes": {"Attributes": attributes},
        "SetRulePriorities": {"RulePriorities": [{"RuleArn": rule, "Priority": 1}]},
    }
    return members, operations


def furnish_elb(elb, account, marker, cloud):
    """As `furnish_elbv2`: names are looked for in the caller's own account."""
    members = {
        "LoadBalancerName": f"l-{marker}",
        "LoadBalancerNames": [f"l-{marker}"],
        "Listeners": [{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}],
        "PolicyTypeName": "ProxyProtocolPolicyType",
        "PolicyAttributes": [{"AttributeName": "ProxyProtocol", "AttributeValue": "true"}],
        "Instances": [{"InstanceId": "i-0"}],
        "LoadBalancerAttributes": {"CrossZoneLoadBalancing": {"Enabled": True}},
    }
    return members, {"RemoveTags": {"Tags": [{"Key": "walk"}]}}


def furnish_autoscaling(autoscaling, account, marker, cloud):
    names = {"LaunchConfigurationName": marker, "AutoScalingGroupName": marker}
    images = cloud.client("ec2", account=account).describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"]
    autoscaling.create_launch_configuration(
        LaunchConfigurationName=marker, ImageId=images[0]["ImageId"], InstanceType="t3.nano"
    )
    autoscaling.create_auto_scaling_group(**names, MinSize=0, MaxSize=0, AvailabilityZones=["us-east-1a"])
    return names, {}


def furnish_acm(acm, account, marker, cloud):
    arn = f"arn:aws:acm:us-east-1:{account}:certificate/01234567-89ab-cdef-0123-456789abcdef"
    return {"CertificateArn": arn}, {}


def furnish_instance_connect(connect, account, marker, cloud):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJgzuSaFtTx3ylO5/RMqTcYDXuVPVcmz8YE4HQFBJcZy"
    return {"InstanceId": "i-0123456789abcdef0", "InstanceOSUser": "root", "SSHPublicKey": key}, {}


def furnish_events(events, account, marker, cloud):
    rule, home = f"r-{marker}", f"arn:aws:events:us-east-1:{account}"
    arn = events.put_rule(Name=rule, EventPattern='{"source": ["walk"]}')["RuleArn"]
    bus = f"{home}:event-bus/default"
    members = {"EventBusName": bus, "Rule": rule, "ResourceARN": arn, "EventPattern": '{"source": ["walk"]}'}
    # These take names of the caller's own account only.
    own = {"EventBusName": "default"}
    operations = {
        "PutPermission": {**own, "Action": "events:PutEvents", "Principal": "*", "StatementId": "walk"},
        "RemovePermission": {**own, "StatementId": "walk"},
        "DescribeEventBus": {"Name": bus},
        "PutEvents": {"Entries": [{"Source": "walk", "DetailType": "x", "Detail": "{}", "EventBusName": bus}]},
        "PutTargets": {"Targets": [{"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{account}:q-{marker}"}]},
    }
    nobodys = "arn:aws:events:us-east-1:999999999999"
    operations["CreateArchive"] = {"EventSourceArn": f"{nobodys}:event-bus/x"}
    operations["StartReplay"] = {"EventSourceArn": f"{nobodys}:archive/x", "Destination": {"Arn": f"{nobodys}:event-bus/x"}}
    for operation in ("DescribeRule", "EnableRule", "DisableRule", "DeleteRule", "PutRule"):
        operations[operation] = {"Name": rule}
    return members, operations


def furnish_scheduler(scheduler, account, marker, cloud):
    role = f"scheduler-{marker}"
    principal = {"Service": "scheduler.amazonaws.com"}
    arn = cloud.client("iam", account=account).create_role(RoleName=role, AssumeRolePolicyDocument=trust(principal))
    arn = arn["Role"]["Arn"]
    target = {"Arn": f"arn:aws:sqs:us-east-1:{account}:q-{marker}", "RoleArn": arn}
    what = {"ScheduleExpression": "at(2199-01-01T00:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    scheduler.create_schedule_group(Name=marker)
    scheduler.create_schedule(Name=marker, GroupName=marker, **what)
    group = f"arn:aws:scheduler:us-east-1:{account}:schedule-group/{marker}"
    members = {"GroupName": marker, "Name": marker, "ResourceArn": group}
    operations = {
        "CreateSchedule": {**what, "Name": f"new-{marker}"},
        "CreateScheduleGroup": {"Name": f"new-{marker}"},
        "UpdateSchedule": {**what, "ScheduleExpression": "at(2198-01-01T00:00:00)"},
        "TagResource": {"Tags": [{"Key": "a", "Value": "b"}]},
        "UntagResource": {"TagKeys": ["a"]},
    }
    return members, operations


def furnish_application_autoscaling(scaling, account, marker, cloud):
    members = {
        "ServiceNamespace": "ec2",
        "ResourceId": "spot-fleet-request/sfr-01234567-89ab-cdef-0123-456789abcdef",
        "ScalableDimension": "ec2:spot-fleet-request:TargetCapacity",
        "ResourceARN": f"arn:aws:application-autoscaling:us-east-1:{account}:scalable-target/0123456789abcdef",
    }
    # Of the resource, whatever may be scaled of it.
    listing = {"ResourceIds": [members["ResourceId"]]}
    return members, {"DescribeScalableTargets": listing, "RegisterScalableTarget": {"MinCapacity": 0, "MaxCapacity": 1}}


def furnish_savingsplans(plans, account, marker, cloud):
    offering = plans.describe_savings_plans_offerings(planTypes=["Compute"])["searchResults"][0]["offeringId"]
    bought = {"savingsPlanOfferingId": offering, "commitment": "1"}
    # It waits, so that it looks the same each time.
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=9)
    plan = plans.create_savings_plan(**bought, purchaseTime=later, tags={"a": "b"})["savingsPlanId"]
    arn = f"arn:aws:savingsplans::{account}:savingsplan/{plan}"
    return {"savingsPlanId": plan, "resourceArn": arn}, {"CreateSavingsPlan": bought}


# In order: a later one may use what an earlier one made.
FURNISH = {
    "sqs": furnish_sqs,
    "ec2-instance-connect": furnish_instance_connect,
    "events": furnish_events,
    "kms": furnish_kms,
    "iam": furnish_iam,
    "ebs": furnish_ebs,
    "glacier": furnish_glacier,
    "ec2": furnish_ec2,
    "acm": furnish_acm,
    "autoscaling": furnish_autoscaling,
    "application-autoscaling": furnish_application_autoscaling,
    "elb": furnish_elb,
    "elbv2": furnish_elbv2,
    "s3": furnish_s3,
    "s3control": furnish_s3control,
    "logs": furnish_logs,
    "sts": furnish_sts,
    "organizations": furnish_organizations,
    "scheduler": furnish_scheduler,
    "savingsplans": furnish_savingsplans,
}
