"""What operators see: logs, metrics, and the figures of the queue. No rules of the business."""
