import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json } from "../../model/position.ts";
import type { Queryable } from "./catalogue.ts";
import { dropSlot, readSlot, refuseSlot } from "./slot.ts";

/**
 * Drops a slot that keeps too much, where it is the pipeline's: a name may lead to another server today than the one that
 * was looked at before, and there a slot of this name is somebody else's. `here` was asked in the same session.
 * @throws MillraceError MR_SOURCE_IDENTITY, MR_SOURCE_SLOT_FOREIGN, MR_SOURCE_SLOT_BUSY
 */
export async function letSlotGo(
  client: Queryable,
  slotName: string,
  source: { readonly wanted: Json; readonly here: Json },
): Promise<void> {
  const [wanted, here] = [JSON.stringify(source.wanted), JSON.stringify(source.here)];
  if (here !== wanted)
    throw new MillraceError(
      "MR_SOURCE_IDENTITY",
      `slot ${slotName} is left alone: the pipeline reads ${wanted}, the connection leads to ${here}`,
    );
  if ((await readSlot(client, slotName)) === null) return;
  await refuseSlot(client, slotName);
  await dropSlot(client, slotName);
}
