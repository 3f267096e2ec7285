/** Events: what is given to a store, and what it gives back. */

/** An event as it is given to a store. Everything in it but its type is optional; a member that is none of these is refused. */
export interface EventInput<Type extends string = string, Data = unknown> {
  /** What happened, in the past tense. Not empty. */
  readonly type: Type;
  /** What is to be known of it; everything that superjson takes. */
  readonly data?: Data;
  /** What is to be known of how it came about, by name. */
  readonly metadata?: EventMetadata | undefined;
  /**
   * Semantic version of the shape of `data`.
   * @defaultValue 1.0.0
   */
  readonly schemaVersion?: string | undefined;
  /** An id of the application's own. @defaultValue `<stream>/<seq>`, which takes no space */
  readonly id?: string | undefined;
}

/** What is to be known of how an event came about: who asked, by which request, because of which other event. */
export type EventMetadata = Readonly<Record<string, unknown>>;

/** An event as it stands in a store. Frozen, as far as its values can be. */
export type RecordedEvent<E extends EventInput = EventInput> = E extends EventInput
  ? {
      readonly type: E['type'];
      readonly data: E['data'];
      readonly metadata: EventMetadata;
      /** Semantic version of the shape of `data`, after upcasting. */
      readonly schemaVersion: string;
      /** The application's, or `<stream>/<seq>`; unique in the store, always the same. */
      readonly id: string;
      readonly stream: string;
      /** 1 for the first event of its stream, and one more for each that follows. */
      readonly seq: number;
      /** When it was appended: epoch milliseconds, never below that of the event before. */
      readonly time: number;
      /** Id of the command that it came of, if that had one. */
      readonly commandId: string | undefined;
      /** Its number in its category, where that is ordered and was read as such. */
      readonly position?: number;
    }
  : never;

/** The version of events that name none. */
export const schemaVersionDefault = '1.0.0';
