/** How a stand-in differs from S3: the ways of engines that speak its protocol, to be switched on and off at any time. */
export interface Conduct {
  /** Takes every PUT and DELETE, whatever its conditions: s3rver. */
  ignoresConditions: boolean;
  /** Compares If-Match with the bare ETag, quotes and all: radosgw. */
  quotesLiterally: boolean;
  /** Answers 412, not 404, for If-Match on a missing key: radosgw. */
  missingIsUnmet: boolean;
  /** Answers 409, not 412, for a conditional PUT during which another write of its key ended. */
  tellsRaces: boolean;
  /** Judges conditions, and writes a moment later whatever has come between. */
  looksThenWrites: boolean;
  /** Keeps and tells no checksums. */
  withoutChecksums: boolean;
  /** Refuses requests for a reason that has nothing to do with what they ask. */
  refuse: ((request: { readonly operation: string; readonly key: string }) => RefusalName | undefined) | undefined;
}

/** What S3 may say to any request. */
type RefusalName =
  | 'AccessDenied'
  | 'SlowDown'
  | 'XAmzContentSHA256Mismatch'
  | 'PermanentRedirect'
  | 'InternalError'
  | 'NoSuchBucket';

/** As S3 does. */
export function likeS3(): Conduct {
  return {
    ...{ ignoresConditions: false, quotesLiterally: false, missingIsUnmet: false, tellsRaces: false },
    ...{ looksThenWrites: false, withoutChecksums: false, refuse: undefined },
  };
}
