/**
 * One DynamoDB Local for a whole jest run, started by the first spec that asks and by none before: a run of specs that
 * need no Java pays nothing. Plain JavaScript, for jest loads it before any transform; `engines.ts` is the asking side.
 *
 *     spec (any worker) --GET LEYDEN_TEST_LOCAL_STARTER--> here: startDynamoDBLocal() once --> its endpoint
 *
 * Set LEYDEN_TEST_LOCAL_ENDPOINT to use one that runs already.
 */
import { createServer } from 'node:http';

export default async function globalSetup() {
  let starting;
  const start = async () => {
    const { tsImport } = await import('tsx/esm/api');
    const { startDynamoDBLocal } = await tsImport('../../lib/testing/dynamodb-local.ts', import.meta.url);
    return startDynamoDBLocal();
  };
  const server = createServer((_request, response) => {
    starting ??= start();
    starting.then(
      (local) => response.end(local.endpoint),
      (error) => response.writeHead(500).end(error.message),
    );
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  process.env.LEYDEN_TEST_LOCAL_STARTER = `http://127.0.0.1:${server.address().port}/`;
  globalThis.leydenTestTeardown = async () => {
    server.close();
    server.closeAllConnections();
    await starting?.then(
      (local) => local.close(),
      () => {},
    );
  };
}
