/** Aggregates of the event store: their states, where those are kept, and pruning below them; and the test kit. */
import { mutant } from './mutant.mjs';

const arithmetic = 'spec/events/aggregate/arithmetic.spec.ts';
const commands = 'spec/events/aggregate/commands.spec.ts';
const snapshots = 'spec/events/aggregate/snapshots.spec.ts';
const prune = 'spec/events/aggregate/prune.spec.ts';
const kit = 'spec/testing/given.spec.ts';

const state = 'lib/events/aggregate/stream-state.ts';
const loader = 'lib/events/aggregate/state-loader.ts';
const note = 'lib/events/aggregate/state-note.ts';
const policy = 'lib/events/aggregate/note-policy.ts';
const stored = 'lib/events/aggregate/stream-snapshots.ts';
const pruning = 'lib/events/aggregate/prune.ts';
const pending = 'lib/events/aggregate/pending-commits.ts';
const fold = 'lib/events/aggregate/fold.ts';
const decision = 'lib/events/aggregate/decision.ts';
const work = 'lib/events/aggregate/command-work.ts';
const type = 'lib/events/aggregate/aggregate-type.ts';
const outcome = 'lib/testing/command-outcome.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const eventsAggregates = [
  mutant(
    'aggregate: events are applied again when they are committed',
    state,
    'foldAll(type, folded, round.provisional(folded.seq + 1), this.#bytes)',
    'foldAll(type, { ...folded, seq: round.base }, round.provisional(round.base + 1), this.#bytes)',
    arithmetic,
  ),
  mutant(
    'aggregate: a note has the number of the stream before the round',
    state,
    'const note = encodedOr(() => encodeNote({ kind, folded, stored }));',
    'const note = encodedOr(() => encodeNote({ kind, folded: { ...folded, seq: folded.seq - 1 }, stored }));',
    arithmetic,
  ),
  mutant(
    'aggregate: plain appends are left out of the state that is kept',
    pending,
    'return after + events.length === to ? events : undefined;',
    'return events;',
    arithmetic,
  ),
  mutant(
    'aggregate: a snapshot that is of another state of the stream is made',
    state,
    'image?.seq !== folded.seq',
    'image === undefined',
    snapshots,
  ),
  mutant(
    'aggregate: a gap before an event is not noticed',
    fold,
    'if (event.seq !== seq + 1)',
    'if (event.seq < 0)',
    commands,
  ),
  mutant(
    'aggregate: states are not frozen',
    fold,
    'state = freezeState(applyOne(',
    'state = ((x: unknown) => x)(applyOne(',
    commands,
  ),
  mutant(
    'aggregate: an initial state is not frozen',
    type,
    'this.initial = freezeState(initial, bytes);',
    'this.initial = initial;',
    commands,
  ),
  mutant(
    'aggregate: all aggregates share the bytes of the initial state',
    type,
    'if (!bytes.areNone) this.#pristine',
    'if (bytes.areNone) this.#pristine',
    commands,
  ),
  mutant(
    'aggregate: bytes that a handler has changed are appended upon',
    work,
    "if (state.isSpoiled()) return { kind: 'refuse', error: spoiled(type.name), final: true };",
    '',
    commands,
    'is not changed by a handler: bytes',
  ),
  mutant(
    'aggregate: whatever a handler returns is an event',
    decision,
    "typeof (event as EventInput).type === 'string'",
    'true',
    commands,
  ),
  mutant(
    'aggregate: apply may return nothing',
    fold,
    'if (next !== undefined || type.initial === undefined) return next;',
    'return next;',
    commands,
  ),
  mutant(
    'aggregate: events are not applied before they are appended',
    decision,
    'folded: foldAll(type, folded, records, bytes)',
    'folded: { ...folded, seq: folded.seq + records.length }',
    commands,
    'is refused as a whole',
  ),
  mutant(
    'aggregate: a state that did not fit is encoded at each commit',
    state,
    'storing.noteFrom = folded.seq + snapshotEvery(type.truth);\n    return undefined;',
    'return undefined;',
    snapshots,
    'is encoded for it once in a while',
  ),
  mutant(
    'aggregate: any state goes into the head',
    state,
    'note.byteLength <= noteBytesMax(type.truth, this.#facts.headBytesMax)',
    'note.byteLength <= 100_000',
    snapshots,
  ),
  mutant(
    'aggregate: notes leave no room for events',
    policy,
    'const shareOfHead = 0.4;',
    'const shareOfHead = 0.8;',
    snapshots,
  ),
  mutant(
    'aggregate: a state is never in the head where that is cheaper',
    policy,
    'unitBytes * Math.floor(snapshotUnits / (truth.snapshotEvery - 1))',
    '0',
    snapshots,
  ),
  mutant(
    'aggregate: the head does not name the snapshot',
    state,
    'return encodeNote(hint);',
    'return undefined;',
    snapshots,
  ),
  mutant(
    'aggregate: notes of states drop what the head says of snapshots',
    state,
    'const stored = newer(this.#stored, before.stored);',
    'const stored = this.#stored;',
    prune,
    'works for states that are in the head',
  ),
  mutant(
    'aggregate: a command waits for the snapshot that it makes due',
    'lib/events/aggregate/background.ts',
    'this.#works.add(done);',
    '',
    snapshots,
  ),
  mutant(
    'aggregate: a snapshot is made where all events come with the head',
    state,
    '|| isAtHand(image, storing.covered)',
    '',
    snapshots,
  ),
  mutant('aggregate: old snapshots stay', stored, 'await this.#thinOut();', '', snapshots, 'leaves two snapshots'),
  mutant(
    'aggregate: a snapshot of another version is taken',
    stored,
    'one.handlerVersion === kind && one.seq <= seqMax',
    'one.seq <= seqMax',
    snapshots,
  ),
  mutant(
    'aggregate: a note of another version is taken',
    loader,
    'note.kind === kind && folded !== undefined',
    'folded !== undefined',
    snapshots,
    'in the head is replaced by the first command',
  ),
  mutant(
    'aggregate: a kind is the name alone',
    note,
    'const kind = `${stateVersion}/${name}`;',
    'const kind = name;',
    snapshots,
  ),
  mutant(
    'aggregate: a snapshot that can not be read is the end',
    stored,
    'if (!(error instanceof SnapshotDamagedError)) throw error;',
    'if (!Number.isNaN(0)) throw error;',
    snapshots,
  ),
  mutant(
    'aggregate: a snapshot that was removed meanwhile is a warning',
    stored,
    'if (kept.some(({ id }) => id === entry.id)) this.#warn',
    'if (kept !== undefined) this.#warn',
    snapshots,
  ),
  mutant(
    'aggregate: of a note that can not be read nobody asks the pointer',
    loader,
    'if (stored === undefined && note.kind !== undefined) return start;',
    'if (stored === undefined) return start;',
    snapshots,
  ),
  mutant(
    'prune: a stored state is not compared with the events',
    pruning,
    'if (digest !== entry.digest) throw',
    'if (digest === "") throw',
    prune,
  ),
  mutant(
    'prune: the state in the head is not compared with the events',
    pruning,
    'if ((await digestState(noted.state)) === (await digestState(folded.state))) return;',
    'if (noted !== undefined) return;',
    prune,
  ),
  mutant(
    'prune: a snapshot is not read back',
    pruning,
    'await snapshots.read({ ...entry, kind: this.#kind }, signal);\n    const moved',
    'const moved',
    prune,
  ),
  mutant(
    'prune: the head does not name the snapshot',
    pruning,
    'await pruning.nameInHead(verified);',
    '',
    prune,
    'is found with two requests',
  ),
  mutant(
    'prune: the snapshot that was verified may go',
    pruning,
    'pointer.pin(entry.id, true,',
    'pointer.pin(entry.id, false,',
    prune,
  ),
  mutant(
    'prune: those that were verified before stay',
    pruning,
    'if (pinned === true && id !== entry.id)',
    'if (pinned === true && id === "")',
    prune,
  ),
  mutant('prune: receipts stay', pruning, 'commits.filter(({ place }) => place < prunedFrom)', '[]', prune),
  mutant('prune: parts stay', pruning, 'await ends.snapshots.deleteDropped(planned, signal);', '', prune),
  mutant('prune: it is never said that all is gone', pruning, 'await pointer.finish(planned, { signal });', '', prune),
  mutant(
    'prune: pages that are to be swept are forgotten when a snapshot is made',
    stored,
    'await this.pointer.finish({ ...planned, prunedTo: -1 });',
    'await this.pointer.finish(planned);',
    prune,
  ),
  mutant(
    'prune: what is gone is folded without',
    loader,
    "if (!isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) throw error;",
    "if (!isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) throw error;\n        if (wanted.type.truth === 'events') return { folded: foldedOf(wanted.type), covered: 0, storedBytes: 0 };",
    prune,
    'is told to whoever wants what is gone',
  ),
  mutant(
    'prune: other loads do not look for the snapshot',
    'lib/events/open-streams.ts',
    'const floor = await snapshots.pointer.read();',
    'const floor = { prunedTo: 0, sweptTo: 0 };',
    prune,
  ),
  mutant(
    'test kit: events may be others',
    outcome,
    "requireEqual(came, wanted, 'The command led to other events');",
    '',
    kit,
  ),
  mutant(
    'test kit: a refusal is no events',
    outcome,
    "if (wanted === 'done' && result.error !== undefined)",
    'if (false)',
    kit,
  ),
  mutant(
    'test kit: any error will do',
    outcome,
    'if (check !== undefined && !isThrown(error, check))',
    'if (false)',
    kit,
  ),
  mutant(
    'test kit: an impure apply passes',
    'lib/testing/given.ts',
    '      result.state,\n      state,\n',
    '      state,\n      state,\n',
    kit,
  ),
];
