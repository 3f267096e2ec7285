/** Which operation of S3 a request is: its path, its query and its method say so. */

/** What S3's operations are called that a library of objects needs. */
export type S3Operation =
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'DeleteObject'
  | 'DeleteObjects'
  | 'ListObjectsV2'
  | 'CreateBucket'
  | 'HeadBucket'
  | 'DeleteBucket'
  | 'ListBuckets';

/** With the bucket in the path, not in the name of the host; `undefined` for what is none of the above. */
export function s3OperationOf(
  method: string,
  url: string,
): { readonly operation: S3Operation | undefined; readonly bucket: string; readonly key: string } {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark));
  const slash = path.indexOf('/', 1);
  const bucket = decodeURIComponent(path.slice(1, slash < 0 ? path.length : slash));
  const key = slash < 0 ? '' : decodeURIComponent(path.slice(slash + 1));
  return { operation: operationOf(method, query, bucket !== '', key !== ''), bucket, key };
}

/** Parts of the query that do not make another operation of it. */
const harmless = new Set(['x-id', 'list-type', 'delete', 'prefix', 'delimiter', 'max-keys', 'continuation-token']);
for (const name of ['start-after', 'encoding-type', 'fetch-owner']) harmless.add(name);

function operationOf(method: string, query: URLSearchParams, bucket: boolean, key: boolean): S3Operation | undefined {
  for (const name of query.keys()) if (!harmless.has(name)) return undefined;
  if (key) return objectOperations[method];
  if (!bucket) return method === 'GET' ? 'ListBuckets' : undefined;
  if (method === 'GET') return query.get('list-type') === '2' ? 'ListObjectsV2' : undefined;
  if (method === 'POST') return query.has('delete') ? 'DeleteObjects' : undefined;
  return bucketOperations[method];
}

const objectOperations: Readonly<Record<string, S3Operation>> = {
  GET: 'GetObject',
  HEAD: 'HeadObject',
  PUT: 'PutObject',
  DELETE: 'DeleteObject',
};
const bucketOperations: Readonly<Record<string, S3Operation>> = {
  PUT: 'CreateBucket',
  HEAD: 'HeadBucket',
  DELETE: 'DeleteBucket',
};
