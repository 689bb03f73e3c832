"""The few windows beside the main one: settings, shortcuts, about."""
