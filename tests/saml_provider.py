"""A SAML identity provider made of `openssl`: what it signs is written in canonical form, so that no library is needed."""

import base64
import datetime
import hashlib
import json
import os
import subprocess

ENTITY = "https://id.example.com/metadata"
SIGN_IN = "https://signin.aws.amazon.com/saml"
ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


def moment(seconds_from_now):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class SamlProvider:
    """Registered in the account of `iam` under `name`; its key lies in `folder`."""

    def __init__(self, iam, folder, name):
        self.key = os.path.join(folder, f"{name}.key")
        made = subprocess.run(
            f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {self.key} -subj /CN=id.example.com -days 1".split(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        certificate = "".join(line for line in made.splitlines() if "-" * 5 not in line)
        self.metadata = (
            f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ENTITY}"><IDPSSODescriptor>'
            f'<KeyDescriptor use="signing"><KeyInfo xmlns="{DSIG}"><X509Data><X509Certificate>{certificate}'
            "</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
            '<SingleSignOnService Binding="b" Location="https://id.example.com"/></IDPSSODescriptor></EntityDescriptor>'
        )
        self.arn = iam.create_saml_provider(Name=name, SAMLMetadataDocument=self.metadata)["SAMLProviderArn"]

    def trust(self, **more):
        actions = ["sts:AssumeRoleWithSAML", "sts:TagSession"]
        statement = {"Effect": "Allow", "Principal": {"Federated": self.arn}, "Action": actions, **more}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def response(self, role, session="kim", lasts_seconds=3_600, tags=None):
        """What a browser would be given to show, in Base64."""
        attributes = {"Role": f"{role},{self.arn}", "RoleSessionName": session}
        attributes |= {f"PrincipalTag:{key}": value for key, value in (tags or {}).items()}
        told = "".join(
            f'<Attribute Name="{ATTRIBUTES}/{name}"><AttributeValue>{value}</AttributeValue></Attribute>'
            for name, value in attributes.items()
        )
        # Canonical: the default namespace first, then attributes by name; no element closes itself.
        start = (
            f'<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="a1" IssueInstant="{moment(0)}" Version="2.0">'
            f"<Issuer>{ENTITY}</Issuer>"
        )
        end = (
            '<Subject><NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">kim</NameID>'
            '<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f'<SubjectConfirmationData NotOnOrAfter="{moment(300)}" Recipient="{SIGN_IN}"></SubjectConfirmationData>'
            f'</SubjectConfirmation></Subject><Conditions NotOnOrAfter="{moment(300)}"><AudienceRestriction>'
            "<Audience>urn:amazon:webservices</Audience></AudienceRestriction></Conditions>"
            f'<AuthnStatement AuthnInstant="{moment(0)}" SessionNotOnOrAfter="{moment(lasts_seconds)}"></AuthnStatement>'
            f"<AttributeStatement>{told}</AttributeStatement></Assertion>"
        )
        digest = base64.b64encode(hashlib.sha256((start + end).encode()).digest()).decode()
        info = (
            f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="{EXCLUSIVE}"></CanonicalizationMethod>'
            '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></SignatureMethod>'
            f'<Reference URI="#a1"><Transforms><Transform Algorithm="{DSIG}enveloped-signature"></Transform>'
            f'<Transform Algorithm="{EXCLUSIVE}"></Transform></Transforms>'
            '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
            f"<DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
        )
        signed = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.key], input=info.encode(), capture_output=True, check=True
        ).stdout
        signature = (
            f'<Signature xmlns="{DSIG}">{info}<SignatureValue>{base64.b64encode(signed).decode()}</SignatureValue></Signature>'
        )
        response = (
            '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="r1" Version="2.0"><samlp:Status>'
            '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
            f"{start}{signature}{end}</samlp:Response>"
        )
        return base64.b64encode(response.encode()).decode()
