/** `psql` for tests: the user's, where MILLRACE_TEST_PSQL names one, else one that is fetched into the cache of the checkout. */
import { programCommand } from "../../scripts/debian-packages.mjs";
import { bringServer } from "../../scripts/servers.mjs";

/** The command, to which its arguments are added. The first call of a checkout fetches it. */
export async function psqlCommand(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<readonly string[]> {
  const users = environment["MILLRACE_TEST_PSQL"];
  return users ? [users] : programCommand(await bringServer("psql"), "usr/bin/psql");
}
