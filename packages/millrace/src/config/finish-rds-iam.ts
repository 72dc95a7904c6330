import type { TlsConfig } from "./pipeline-config.ts";
import type { Place } from "./problem.ts";
import { regionOfRds } from "./rds-host.ts";
import { sayOf } from "./say.ts";
import type { Secret } from "./secret.ts";
import type { Findings } from "./section.ts";

interface IamSection {
  readonly values: {
    readonly hostname: string;
    readonly password: Secret | null;
    readonly useIamAuth: boolean;
    readonly region: string | null;
    readonly iamRole: string | null;
    readonly sslMode: TlsConfig["mode"] | null;
    readonly sslCa: string | null;
  };
  readonly place: Place;
  readonly given: ReadonlyMap<string, Place>;
  readonly failed: ReadonlySet<string>;
}

/** A token is as good as a password for a quarter of an hour, and is presented as it is: never without TLS. */
export function tlsOfIam({ useIamAuth, sslCa }: IamSection["values"]): "require" | null {
  return useIamAuth && sslCa === null ? "require" : null;
}

/** The region that a source's tokens are signed for, null where none is known; checks what goes with IAM. */
export function finishRdsIam(section: IamSection, findings: Findings): string | null {
  const { values } = section;
  const region = values.region ?? regionOfRds(values.hostname);
  if (values.useIamAuth) checkIam(section, region, findings);
  else checkNoIam(section, findings);
  return region;
}

function checkIam(section: IamSection, region: string | null, findings: Findings): void {
  const { values, failed } = section;
  const say = sayOf(section, "source", findings);
  if (values.password !== null)
    say(
      "password",
      "is given, but use-iam-auth is true",
      "Take out one of the two: IAM signs the password itself",
    );
  if (values.sslMode === "disable")
    say("ssl-mode", "is disable, but use-iam-auth is true", "Write verify-full: IAM needs TLS");
  if (region === null && !failed.has("region") && !failed.has("hostname"))
    say(
      "region",
      "is missing, and the host name does not hold it",
      "Write the region of the server, e.g. region: eu-west-1",
    );
  if (values.sslMode !== "verify-full" && values.sslCa === null && values.sslMode !== "disable")
    findings.notice(
      section.given.get("use-iam-auth") ?? section.place,
      "source.use-iam-auth",
      "is true, and ssl-ca is not given: the token goes to whoever answers; give ssl-ca the bundle of AWS's authorities",
    );
}

function checkNoIam(section: IamSection, findings: Findings): void {
  const say = sayOf(section, "source", findings);
  for (const [name, value] of [
    ["region", section.values.region],
    ["iam-role", section.values.iamRole],
  ] as const)
    if (value !== null)
      say(name, "is given without IAM", "Write use-iam-auth: true, or take it out");
}
