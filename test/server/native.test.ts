import { suite } from 'uvu';
import { nativeServer } from '../support/native-server';
import { conformance } from './conformance';
import { conformanceLimits } from './conformance-limits';

const native = nativeServer();
if ('backend' in native) {
  conformance('native', native.backend);
  conformanceLimits('native', native.backend);
} else {
  console.log(`skipped: ${native.missing}`);
  const test = suite('server native');
  test.skip(native.missing, () => {});
  test.run();
}
