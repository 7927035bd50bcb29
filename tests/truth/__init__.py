"""Published numbers, reached through the public interface."""
