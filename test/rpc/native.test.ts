import { suite } from 'uvu';
import { nativeServer } from '../support/native-server';
import { conformance } from './conformance';
import { conformanceMethods } from './conformance-methods';

const native = nativeServer();
if ('backend' in native) {
  conformance('native', native.backend);
  conformanceMethods('native', native.backend);
} else {
  console.log(`skipped: ${native.missing}`);
  const test = suite('rpc native');
  test.skip(native.missing, () => {});
  test.run();
}
