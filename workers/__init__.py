"""shirase: reads threat-intelligence prose from Kafka and says who attacks whom."""

__all__ = ["__version__"]

__version__ = "0.1.0"
