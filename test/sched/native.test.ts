import { onNative } from '../support/backends';
import { conformance } from './conformance';

onNative();
conformance('native').run();
