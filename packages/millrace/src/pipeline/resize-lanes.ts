import { failpoint } from "../model/failpoint.ts";
import { RestartNeeded, type Committer } from "./committer.ts";
import type { Frontier } from "./frontier.ts";
import type { Prepared } from "./prepare-run.ts";
import type { SentTransactions } from "./sent-transactions.ts";
import { pipelineDocument } from "./lane-choice.ts";
import { entry, stateKey } from "./state-documents.ts";

interface ResizeParts {
  readonly committer: Committer;
  readonly prepared: Prepared;
  readonly frontier: Frontier;
  readonly sent: SentTransactions;
}

/**
 * Another number of lanes, or another choice of them for some targets, takes effect at a position that no lane's checkpoint is beyond, over all lane rows at once. The
 * caller has drained the lanes; the run begins anew with the lanes that are stored.
 *
 * @throws {RestartNeeded} when it is durable.
 */
export async function resizeLanes(parts: ResizeParts): Promise<never> {
  const { committer, prepared, frontier, sent } = parts;
  const { lanes } = prepared.wanted;
  const { position, acknowledge } = frontier.durable;
  const kept = Array.from({ length: lanes }, (_, lane) => ({
    key: stateKey.checkpoint(lane),
    value: position,
  }));
  const gone = prepared.laneRows
    .filter((lane) => lane >= lanes)
    .map((lane) => entry(stateKey.checkpoint(lane), null));
  const state = () => [
    ...kept,
    ...gone,
    entry(stateKey.frontier, { v: 1, position, acknowledge, unseen: sent.list() }),
    entry(stateKey.pipeline, pipelineDocument(prepared.identity, prepared.wanted)),
  ];
  await committer.commit(prepared.laneRows, { writes: [], state, deadLetters: [], superseded: [] });
  failpoint("run.resized");
  throw new RestartNeeded(`there are ${lanes} lanes now, or other targets share one`);
}
