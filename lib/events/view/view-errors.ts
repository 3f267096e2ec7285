/** What can go wrong with views. */
import { LeydenError } from '../../errors.js';
import type { RecordedEvent } from '../event.js';

/**
 * `ERR_PROJECTION`: a view could not take an event. The event is not applied, and nothing of its stream after it is: nothing is skipped.
 * Mend the view, and go on; all else that was applied stays.
 */
export class ProjectionError extends LeydenError {
  readonly view: string;
  /** The document, where the event had got so far. */
  readonly id: string | undefined;
  readonly event: RecordedEvent;

  constructor(
    view: string,
    { event, id, why }: { readonly event: RecordedEvent; readonly id?: string; readonly why: string },
    cause: unknown,
  ) {
    const what = `event ${event.seq} of stream ${event.stream} (${event.type})`;
    super(
      'ERR_PROJECTION',
      `Cannot apply ${what} to ${id === undefined ? '' : `document ${id} of `}view ${view}: ${why}; mend the view, the event waits`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.view = view;
    this.id = id;
    this.event = event;
  }
}

/** `ERR_VIEW_VERSION`: the documents that are served were made by a view of another version, and none are being made by this one. */
export class ViewVersionError extends LeydenError {
  readonly view: string;
  readonly version: number;
  readonly stands: number;

  constructor(view: string, version: number, stands: number) {
    const remedy =
      version > stands ? 'call rebuild() with this version' : 'stop this process, a later release has taken over';
    super(
      'ERR_VIEW_VERSION',
      `Cannot feed view ${view} version ${version}: its documents are of version ${stands}; ${remedy}`,
      {
        outcome: 'not-done',
        retryable: false,
      },
    );
    this.view = view;
    this.version = version;
    this.stands = stands;
  }
}

/** `ERR_VIEW_SOURCE`: a view that counts what it has seen in one way was to be fed in another, and would see events twice. */
export class ViewSourceError extends LeydenError {
  readonly view: string;
  readonly source: string;
  readonly stands: string;

  constructor(view: string, source: string, stands: string) {
    super(
      'ERR_VIEW_SOURCE',
      `Cannot feed view ${view} from ${source}: it is fed from ${stands}; feed it from there, or rebuild it from ${source}`,
      { outcome: 'not-done', retryable: false },
    );
    this.view = view;
    this.source = source;
    this.stands = stands;
  }
}

/** `ERR_VIEW_REBUILDING`: another process is at it. */
export class ViewRebuildingError extends LeydenError {
  readonly view: string;
  /** When it was last heard of, epoch milliseconds by its own clock. */
  readonly heardAt: number;

  constructor(view: string, heardAt: number) {
    super(
      'ERR_VIEW_REBUILDING',
      `Cannot rebuild view ${view}: another process does, it was heard of at ${new Date(heardAt).toISOString()}; wait for it, ` +
        'or pass takeOver: true',
      { outcome: 'not-done', retryable: true },
    );
    this.view = view;
    this.heardAt = heardAt;
  }
}

/** `ERR_VIEW_STREAMS`: a document is fed by more streams than it can keep positions of. Its event is not applied. */
export class ViewStreamsError extends LeydenError {
  readonly view: string;
  readonly id: string;
  readonly streams: number;

  constructor(view: string, id: string, streams: number, bytesMax: number) {
    super(
      'ERR_VIEW_STREAMS',
      `Cannot feed document ${id} of view ${view} by one more stream: positions of ${streams} streams would take more than ` +
        `${bytesMax} bytes; feed the view from an ordered category, which needs one number, or make finer documents`,
      { outcome: 'not-done', retryable: false },
    );
    this.view = view;
    this.id = id;
    this.streams = streams;
  }
}

/** `ERR_VIEW_SWITCHED`: the view was rebuilt while its documents were being listed: some may be missing. List them again. */
export class ViewSwitchedError extends LeydenError {
  readonly view: string;

  constructor(view: string) {
    super('ERR_VIEW_SWITCHED', `Cannot list view ${view} to the end: it was rebuilt meanwhile; list it again`, {
      outcome: 'not-done',
      retryable: true,
    });
    this.view = view;
  }
}
