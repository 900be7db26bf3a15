import { nativeBackend } from '../../lib/backend/select';
import { onNative } from '../support/backends';
import { conformance } from './conformance';
import { conformanceFailures } from './conformance-failures';
import { conformanceMethods } from './conformance-methods';
import { conformanceModules } from './conformance-modules';

onNative();
conformance('native', nativeBackend()).run();
conformanceMethods('native', nativeBackend()).run();
conformanceFailures('native', nativeBackend()).run();
conformanceModules('native', nativeBackend()).run();
