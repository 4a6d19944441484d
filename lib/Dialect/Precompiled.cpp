// Only the carrier of Precompiled.h.
