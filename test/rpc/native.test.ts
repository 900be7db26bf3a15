import { nativeBackend } from '../../lib/backend/select';
import { onNative } from '../support/backends';
import { conformance } from './conformance';
import { conformanceFailures } from './conformance-failures';
import { conformanceMethods } from './conformance-methods';

onNative();
conformance('native', nativeBackend()).run();
conformanceMethods('native', nativeBackend()).run();
conformanceFailures('native', nativeBackend()).run();
