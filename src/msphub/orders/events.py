from django.utils.translation import gettext_lazy as _

from msphub.audit.events import declare

ORDER_PLACED = declare("order.placed", _("placed the order"), customer_visible=True)
ORDER_STARTED = declare("order.started", _("started the order"), customer_visible=True)
ORDER_FINISHED = declare("order.finished", _("finished the order"), customer_visible=True)
ORDER_CANCELLED = declare("order.cancelled", _("cancelled the order"), customer_visible=True)
ORDER_EXPIRED = declare(
    "order.expired", _("cancelled, as its task was not done in time, the order"), customer_visible=True
)
ORDER_RETRIED = declare("order.retried", _("tried again the order"), customer_visible=True)
ITEM_FAILED = declare("order.item_failed", _("could not fulfil an item of the order"), customer_visible=True)
ITEM_DROPPED = declare("order.item_dropped", _("dropped an item of the order"), customer_visible=True)
PRODUCT_PURCHASED = declare("order.product_purchased", _("fulfilled an item of the order"), customer_visible=True)
TASK_CREATED = declare("task.created", _("created the task"), customer_visible=True)
TASK_REMINDED = declare("task.reminded", _("reminded of the task"), customer_visible=True)
TASK_COMPLETED = declare("task.completed", _("completed the task"), customer_visible=True)
TASK_EXPIRED = declare("task.expired", _("let expire the task"), customer_visible=True)
