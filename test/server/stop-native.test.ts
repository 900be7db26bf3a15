import { suite } from 'uvu';
import { nativeServer } from '../support/native-server';
import { stopSteps } from './stop-steps';

const native = nativeServer();
if ('backend' in native) {
  stopSteps('native');
} else {
  console.log(`skipped: ${native.missing}`);
  const test = suite('server stop native');
  test.skip(native.missing, () => {});
  test.run();
}
