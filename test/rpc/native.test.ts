import { nativeBackend } from '../../lib/backend/select';
import { onNative } from '../support/backends';
import { conformance } from './conformance';
import { conformanceMethods } from './conformance-methods';

onNative();
conformance('native', nativeBackend()).run();
conformanceMethods('native', nativeBackend()).run();
